"""Decodes media in separate, restricted processes that can be killed at any time.

``codecs`` implements ``podium.media.codecs.Codecs`` with such workers. The ``nursery`` process has
imported what workers need, and forks them. A worker first restricts itself (``sandbox``), then
answers the messages of a ``Worker`` object (``workers``) over a socket. Frames come back in memory
that both processes have mapped (``shared_memory``).
"""
