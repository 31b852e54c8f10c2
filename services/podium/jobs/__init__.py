"""The job layer: videos in, results out, however long it takes and whatever dies meanwhile.

The database is the truth, a record on a stream is only a hint, every step is an idempotent
function, and who calls the steps is exchangeable.
"""
