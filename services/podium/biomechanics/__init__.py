"""From key points over time to motion.

NumPy and SciPy; no pictures, no services. Read ``analysis.analyse`` first;
``measures.registry.measure`` takes a trajectory through all of it. Sub-packages, lower ones first;
an upper one may import a lower one:

- ``signals``   arrays over time: the timeline, gaps, filters, derivatives,
- ``persons``   identities over a clip, and which of the persons is the athlete,
- ``body``      angles in the picture, facing, scale,
- ``fit``       an articulated body fitted to a whole clip: angles in oblique views,
- ``events``    moments: contacts, jumps, each found once (``events.movement``),
- ``measures``  what is reported; one file per group of measures,
- ``exports``   files: tables and the formats of motion capture.
"""
