"""The job layer: takes videos and produces results, even if work takes long or processes die.

The database is the source of truth, a record on a stream is only a hint, every step is an
idempotent function, and the caller of the steps can be exchanged.
"""
