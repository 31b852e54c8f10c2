"""The trajectory fit: one articulated body, moved through a whole clip so that it fits the picture.

Input are key points in the picture, with or without 3D landmarks; output are signed joint angles,
joint positions in a level frame in metres, ground contacts, and how sure all of it is. NumPy and
SciPy only. Start reading at ``trajectory.fit_body``; the body itself is ``model``, and
``residuals`` is what is minimised.

Axes of the level frame: x to the right in the picture, y up, z towards the camera, metres; the
camera is at the origin while fitting, and the floor is y = 0 in results. Axes of a segment, with
the body upright and looking along x: x forwards, y up, z to its right (as OpenSim and the ISB).
"""
