"""From key points over time to motion: identities, gaps, filters, kinematics, angles, metrics.

NumPy and SciPy only; no files, no pictures, no services. Start reading at ``analysis.analyse``.
Gait events and motion-capture exports belong here too, each as one more file that reads an
``Analysis``.
"""
