"""The trajectory fit: fits one articulated body to the key points of a whole clip.

Inputs are key points in the picture, with or without 3D landmarks. Outputs are signed joint angles,
joint positions in metres in a level frame, ground contacts, and their uncertainties. NumPy and
SciPy only. Start reading at ``trajectory.fit_body``; ``model`` is the body, ``residuals`` the cost.

Axes of the level frame: x to the right in the picture, y up, z towards the camera, metres; the
camera is at the origin while fitting, and the floor is y = 0 in results. Axes of a segment, with
the body upright and looking along x: x forwards, y up, z to its right (as OpenSim and the ISB).
"""
