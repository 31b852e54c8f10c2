// Two skeletons over each other: middle of the hips on middle of the hips, equally high.

import { compared } from "podium/colours.js";

export function drawFigures(canvas, trials, rows, mirrored) {
  const ratio = devicePixelRatio || 1;
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [wide, high] = [width, height].map((each) => Math.round(each * ratio));
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const context = canvas.getContext("2d");
  context.resetTransform();
  context.clearRect(0, 0, wide, high);
  context.setTransform(ratio, 0, 0, ratio, width * ratio * 0.5, height * ratio * 0.48);
  context.lineCap = "round";
  context.lineWidth = 3;
  const unit = 0.82 * height;
  trials.forEach((trial, number) => {
    const figure = trial.figure(rows[number]);
    if (!figure) return;
    const sign = number === 1 && mirrored ? -1 : 1;
    context.strokeStyle = compared(number);
    trial.motion.skeleton.bones.forEach(([one, other], bone) => {
      const [a, b] = [figure[one], figure[other]];
      if (!a || !b) return;
      context.setLineDash(trial.motion.sides[bone] === "right" ? [7, 6] : []);
      context.beginPath();
      context.moveTo(sign * a[0] * unit, a[1] * unit);
      context.lineTo(sign * b[0] * unit, b[1] * unit);
      context.stroke();
    });
  });
}
