"""The acceleration of a sprint from rest: ``v(t) = MSS (1 - exp(-t / tau))``.

Sources: Furusawa, Hill & Parkinson 1927 (the curve); Samozino et al. 2016 (force and velocity from
it); Arsac & Locatelli 2002 (air resistance). Force and velocity at the ends of the profile are
those of the R package ``shorts`` (Jovanović 2023).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from podium.types import Float64

G_M_S2 = 9.81
DRAG_COEFFICIENT = 0.9


@dataclass(frozen=True, slots=True)
class SprintFit:
    """The curve of one sprint."""

    max_speed_m_s: float  # MSS
    max_acceleration_m_s2: float  # MAC, at the start
    start_s: float  # time of the start from rest, by the curve
    covariance: Float64  # (3, 3) of these three

    @property
    def tau_s(self) -> float:
        """Time constant: MSS / MAC."""
        return self.max_speed_m_s / self.max_acceleration_m_s2

    def speed_m_s(self, time_s: Float64) -> Float64:
        """Speed at times; 0 before the start."""
        since_s = np.maximum(time_s - self.start_s, 0.0)
        return np.asarray(self.max_speed_m_s * -np.expm1(-since_s / self.tau_s))

    def time_to_s(self, distance_m: float) -> float:
        """Time from the start to a distance."""
        return float(time_at_m(np.array([distance_m]), self.max_speed_m_s, self.tau_s)[0])


@dataclass(frozen=True, slots=True)
class ForceVelocity:
    """The line of horizontal force over speed."""

    f0_n: float  # force at rest
    v0_m_s: float  # speed without force

    @property
    def max_power_w(self) -> float:
        """Power at half of ``v0_m_s``, the maximum."""
        return self.f0_n * self.v0_m_s / 4

    def slope_n_s_m_kg(self, mass_kg: float) -> float:
        """Slope of the line per kilogram of the athlete."""
        return -self.f0_n / self.v0_m_s / mass_kg


def time_at_m(distance_m: Float64, max_speed_m_s: float, tau_s: float) -> Float64:
    """Time from the start to distances (N,), by the inverse of the integrated curve."""
    inner = -np.exp(-distance_m / (max_speed_m_s * tau_s) - 1)
    root = np.real(scipy.special.lambertw(inner.astype(complex)))  # type: ignore[call-overload]
    return np.asarray(tau_s * root + distance_m / max_speed_m_s + tau_s)


def fit_splits(distance_m: Float64, time_s: Float64) -> SprintFit:
    """Fit the curve to split times (N,) measured from the start."""

    def model(x: Float64, mss: float, mac: float) -> Float64:
        return time_at_m(x, mss, mss / mac)

    (mss, mac), covariance = scipy.optimize.curve_fit(model, distance_m, time_s, p0=(8.0, 8.0))
    padded = np.zeros((3, 3))
    padded[:2, :2] = covariance
    return SprintFit(float(mss), float(mac), 0.0, padded)


def fit_positions(time_s: Float64, forward_m: Float64) -> SprintFit | None:
    """Fit the curve to positions over time (N,); None if the fit does not converge.

    Positions are used, not speeds, because derivatives have much more noise.
    """

    def model(t: Float64, mss: float, mac: float, start_s: float, start_m: float) -> Float64:
        since, tau = np.maximum(t - start_s, 0.0), mss / mac
        return np.asarray(start_m + mss * (since + tau * np.expm1(-since / tau)))

    top = max(float(np.max(np.gradient(forward_m, time_s))), 1.0)
    try:
        found, covariance = scipy.optimize.curve_fit(
            model,
            time_s,
            forward_m,
            p0=(top, top, float(time_s[0]), float(forward_m[0])),
            bounds=(
                (0.1, 0.1, time_s[0] - 5.0, forward_m[0] - 20.0),
                (20.0, 40.0, time_s[-1], forward_m[0] + 5.0),
            ),
        )
    except RuntimeError:
        return None
    return SprintFit(float(found[0]), float(found[1]), float(found[2]), covariance[:3, :3])


def drag_kg_m(
    mass_kg: float, height_m: float, *, celsius: float = 25.0, torr: float = 760.0
) -> float:
    """Air resistance divided by speed squared, for a runner in still air."""
    density = 1.293 * (torr / 760) * (273 / (273 + celsius))
    frontal_m2: float = 0.2025 * height_m**0.725 * mass_kg**0.425 * 0.266
    return 0.5 * density * frontal_m2 * DRAG_COEFFICIENT


def force_velocity(
    max_speed_m_s: float, max_acceleration_m_s2: float, mass_kg: float, height_m: float
) -> ForceVelocity:
    """Force at rest ``m MAC``; V0 from ``F0 (1 - MSS / V0) = k MSS V0`` with the drag ``k``."""
    f0_n = mass_kg * max_acceleration_m_s2
    k = drag_kg_m(mass_kg, height_m)
    root = np.sqrt(f0_n**2 - 4 * k * f0_n * max_speed_m_s**2)
    return ForceVelocity(f0_n, float((f0_n - root) / (2 * k * max_speed_m_s)))
