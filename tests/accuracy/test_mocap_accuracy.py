"""The comparison with motion capture: its reference against a closed form, and its result."""

import re
import subprocess
import sys

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from podium.lab.mocap_accuracy import reference_deg


def reference(flexion_deg, body, proximal):
    """One body turned by a flexion about its z axis within another that lies anyhow."""
    within = Rotation.from_euler("xyz", [10, -35, 50], degrees=True)
    turned = within * Rotation.from_euler("z", flexion_deg[:, None], degrees=True)
    rotations = {proximal: np.repeat([within.as_euler("XYZ")], len(flexion_deg), axis=0)}
    rotations[body] = turned.as_euler("XYZ")
    return {
        "time": (np.arange(len(flexion_deg)) / 100).tolist(),
        "bodies": {name: {"rotation": value.tolist()} for name, value in rotations.items()},
    }


@pytest.mark.parametrize(
    ("joint", "body", "proximal", "sign"),
    [
        ("hip_flexion", "femur_l", "pelvis", 1),
        ("knee_flexion", "tibia_l", "femur_l", -1),
        ("ankle_dorsiflexion", "talus_l", "tibia_l", 1),
    ],
)
def test_the_angle_of_a_reference_is_the_turn_between_its_bodies(joint, body, proximal, sign):
    flexion = np.linspace(-30, 110, 50)
    found = reference_deg(
        reference(flexion, body, proximal), "left", joint, np.array([-1, 0, 0.245, 0.49, 2])
    )
    expected = sign * np.array([np.nan, -30, 40, 110, np.nan])
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.slow
def test_angles_stand_beside_motion_capture(shared_data):
    """Both clips were seen in development: this guards what was reached, and is no check of it."""
    done = subprocess.run(
        [sys.executable, "-m", "podium.lab.mocap_accuracy", str(shared_data / "mocap")],
        capture_output=True,
        text=True,
        check=True,
    )
    knee, hip, _, mean = map(
        float, re.findall(r"[\d.]+(?=,| degrees)", done.stdout.split("Mean:")[1])
    )
    assert knee <= 5.4
    assert hip <= 5.4
    assert mean <= 5.7
    for row in re.findall(r"\| (?:knee|hip) flexion .*", done.stdout):
        assert float(row.split("|")[3]) >= 0.9
