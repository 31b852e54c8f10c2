"""Computes motion and measures from key points over time.

NumPy and SciPy; no pictures, no services. Read ``analysis.analyse`` first;
``measures.registry.measure`` runs everything for a trajectory. Sub-packages, lower ones first; an
upper one may import a lower one:

- ``signals``   arrays over time: the timeline, gaps, filters, derivatives,
- ``persons``   identities over a clip, and the choice of the athlete,
- ``body``      angles in the picture, facing, scale,
- ``fit``       an articulated body fitted to a whole clip: angles in oblique views,
- ``events``    moments: contacts, jumps, each found once (``events.movement``),
- ``measures``  the reported values; one file per group of measures,
- ``exports``   files: tables and the formats of motion capture.
"""
