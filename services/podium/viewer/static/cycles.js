// Curves over the cycle: each stride resampled to 101 points, their mean and standard deviation.

export const POINTS = 101;

/** The value of a series at a time, between two frames; NaN where it is not known. */
export function valueAt(motion, values, seconds) {
  const { time } = motion;
  const near = motion.rowAt(seconds);
  const first = time[near] <= seconds ? near : near - 1;
  if (first < 0) return values[0];
  if (first + 1 >= time.length || time[first] === seconds) return values[first];
  const share = (seconds - time[first]) / (time[first + 1] - time[first]);
  return values[first] * (1 - share) + values[first + 1] * share;
}

const resampled = (motion, values, [from, to]) =>
  Array.from({ length: POINTS }, (_, at) => valueAt(motion, values, from + ((to - from) * at) / (POINTS - 1)));

/**
 * The mean over cycles that are known throughout.
 * @param cycles [from, to] seconds each.
 * @returns {mean, sd, n}, or null without such a cycle; sd is null for a single one.
 */
export function meanCurve(motion, values, cycles) {
  const curves = cycles.map((times) => resampled(motion, values, times)).filter((curve) => curve.every(Number.isFinite));
  const n = curves.length;
  if (!n) return null;
  const mean = Array.from({ length: POINTS }, (_, at) => curves.reduce((sum, curve) => sum + curve[at], 0) / n);
  const spread = (at) => Math.sqrt(curves.reduce((sum, curve) => sum + (curve[at] - mean[at]) ** 2, 0) / (n - 1));
  return { mean, sd: n > 1 ? mean.map((_, at) => spread(at)) : null, n };
}

/** Root mean square of the difference of two curves. */
export const rmse = (a, b) => Math.sqrt(a.reduce((sum, value, at) => sum + (value - b[at]) ** 2, 0) / a.length);
