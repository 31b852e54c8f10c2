"""What starts no threads of BLAS, measured in a process that has no others."""

import subprocess
import sys
from pathlib import Path

_LONGEST = """
import time

import numpy as np

from podium.biomechanics.fit.contacts import CONTACT_POINTS
from podium.biomechanics.fit.model import BODY
from podium.biomechanics.fit.observations import lens_of, observe
from podium.biomechanics.fit.residuals import Problem
from podium.biomechanics.fit.solver import solve
from podium.biomechanics.fit.weights import WEIGHTS
from podium.biomechanics.fit.windows import WHOLE
from tests.unit.moving_body import SIZE, walk

seen = walk(frames=WHOLE, noise_px=1.0)
observed = observe(
    BODY, seen.skeleton, seen.keypoints, seen.scores, seen.time_s,
    lens=lens_of(SIZE, None), landmarks_m=seen.landmarks, stature_m=None,
)
standing = np.ones((WHOLE, len(CONTACT_POINTS)), bool)
problem = Problem(BODY, observed, standing, WEIGHTS)
def others_s():  # processor time of all threads but this one
    return time.process_time() - time.thread_time()

def rest():  # until the others are idle: what came before may have started them, too
    for _ in range(100):
        before_s = others_s()
        time.sleep(0.1)
        if others_s() - before_s < 1e-3:
            break

rest()
before_s = others_s()
solve(problem, seen.values, problem.shared_mean, max_steps=1)
rest()
print(others_s() - before_s)
"""


def test_the_longest_fit_starts_no_threads_of_blas():
    """Where it starts them, they wait busily for the next product, for a tenth of a second each."""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", _LONGEST], cwd=root, capture_output=True, text=True, check=True
    )
    assert float(done.stdout) < 0.02
