"""Media decoded in processes of their own, which can do little else and are ended at need.

``codecs`` is ``podium.media.codecs.Codecs`` by such processes. A ``nursery``, which has imported
what they need, forks them; each locks itself up (``sandbox``) and answers the messages of one
``workers`` object over a socket. Frames come back in memory that both have mapped
(``shared_memory``).
"""
