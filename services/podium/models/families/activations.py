"""Activations that are not part of the networks."""

from __future__ import annotations

import numpy as np

from podium.types import Float32

_MAX_LOGIT = 80.0
"""float32 cannot hold exp(89); the probability at -80 is 2e-35."""


def sigmoid(logits: Float32) -> Float32:
    """Probabilities 0-1 of logits of any shape."""
    probability: Float32 = 1 / (1 + np.exp(-logits.clip(-_MAX_LOGIT, _MAX_LOGIT)))
    return probability
