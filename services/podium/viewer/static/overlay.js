// The skeletons over the video: a canvas of the size of the frames, scaled by the page.

import { SIDE } from "podium/colours.js";

const MARK = "#cc79a7"; // of what was corrected by hand
const TRAIL_ROWS = 45;
const TRAIL_JOINTS = ["left_wrist", "right_wrist", "left_ankle", "right_ankle"];

export class Overlay {
  /**
   * @param canvas lies over the video.
   * @param show what is drawn: bones, points, names, angles, trails; a record of booleans.
   */
  constructor(canvas, motion, show) {
    this.canvas = canvas;
    this.motion = motion;
    this.show = show;
    canvas.width = motion.source.width;
    canvas.height = motion.source.height;
    this.unit = Math.max(motion.source.height, motion.source.width) / 640;
  }

  /**
   * @param chosen numbers of the athletes who are looked at.
   * @param held {athlete, joint} that is being corrected, or null.
   * @param corrections whose key points are marked, with where the model saw them.
   */
  draw(row, chosen, held = null, corrections = null) {
    const context = this.canvas.getContext("2d");
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    context.lineCap = context.lineJoin = "round";
    for (const athlete of this.motion.athletes) {
      context.globalAlpha = chosen.has(athlete.person) ? 1 : 0.35;
      if (this.show.trails) this.#trails(context, athlete, row);
      if (this.show.bones) this.#bones(context, athlete, row);
      if (this.show.points) this.#points(context, athlete, row);
      if (corrections) this.#corrected(context, athlete, row, corrections.points(athlete, row));
      if (held?.athlete === athlete) this.#held(context, athlete.point(row, held.joint));
      if (this.show.names) this.#name(context, athlete, row);
      if (this.show.angles) this.#angles(context, athlete, row);
    }
    context.globalAlpha = 1;
  }

  /** Boxes of the persons who were not analysed. */
  others(row) {
    const context = this.canvas.getContext("2d");
    context.lineWidth = 1.6 * this.unit;
    context.setLineDash([6 * this.unit, 4 * this.unit]);
    context.strokeStyle = "#ffffff";
    for (const other of this.motion.others) {
      const box = other.box(row);
      if (!box) continue;
      context.strokeRect(box[0], box[1], box[2] - box[0], box[3] - box[1]);
      this.#label(context, String(other.person), box[0] + 4 * this.unit, box[1] + 10 * this.unit, "left");
    }
    context.setLineDash([]);
  }

  /** A ring around each corrected key point, and a line to where the model saw it. */
  #corrected(context, athlete, row, points) {
    context.strokeStyle = MARK;
    context.lineWidth = 1.4 * this.unit;
    for (const { joint, automatic_px: automatic } of points) {
      const at = athlete.point(row, joint);
      if (!at) continue;
      context.beginPath();
      context.arc(...at, 4.5 * this.unit, 0, 2 * Math.PI);
      if (automatic) {
        context.moveTo(...at);
        context.lineTo(...automatic);
      }
      context.stroke();
    }
  }

  #held(context, at) {
    if (!at) return;
    context.strokeStyle = "#ffffff";
    context.lineWidth = 1.6 * this.unit;
    context.beginPath();
    context.arc(...at, 8 * this.unit, 0, 2 * Math.PI);
    context.stroke();
  }

  /** One path for each side, since every stroke costs: first the rims of all bones, then the bones. */
  #bones(context, athlete, row) {
    const all = new Path2D();
    const paths = { left: new Path2D(), right: new Path2D(), centre: new Path2D() };
    for (const [number, [from, to]] of this.motion.skeleton.bones.entries()) {
      const [a, b] = [athlete.point(row, from), athlete.point(row, to)];
      if (!a || !b) continue;
      for (const path of [all, paths[this.motion.sides[number]]]) {
        path.moveTo(a[0], a[1]);
        path.lineTo(b[0], b[1]);
      }
    }
    context.strokeStyle = "rgba(0,0,0,.55)";
    context.lineWidth = 4.2 * this.unit;
    context.stroke(all);
    context.lineWidth = 2.2 * this.unit;
    for (const [side, path] of Object.entries(paths)) {
      context.strokeStyle = SIDE[side];
      context.stroke(path);
    }
  }

  #points(context, athlete, row) {
    const radius = 2.1 * this.unit;
    context.beginPath();
    for (let joint = 0; joint < athlete.joints; joint++) {
      const at = athlete.point(row, joint);
      if (!at) continue;
      context.moveTo(at[0] + radius, at[1]);
      context.arc(at[0], at[1], radius, 0, 2 * Math.PI);
    }
    context.fillStyle = "#ffffff";
    context.fill();
    context.lineWidth = 0.9 * this.unit;
    context.strokeStyle = "#14202e";
    context.stroke();
  }

  #trails(context, athlete, row) {
    for (const name of TRAIL_JOINTS) {
      const joint = this.motion.skeleton.joints.indexOf(name);
      if (joint < 0) continue;
      context.strokeStyle = SIDE[name.split("_")[0]];
      context.lineWidth = 1.2 * this.unit;
      context.beginPath();
      let pen = false;
      for (let at = Math.max(0, row - TRAIL_ROWS); at <= row; at++) {
        const point = athlete.point(at, joint);
        if (point) pen ? context.lineTo(...point) : context.moveTo(...point);
        pen = Boolean(point);
      }
      context.stroke();
    }
  }

  #name(context, athlete, row) {
    let top = null;
    for (let joint = 0; joint < athlete.joints; joint++) {
      const at = athlete.point(row, joint);
      if (at && (!top || at[1] < top[1])) top = at;
    }
    if (top) this.#label(context, athlete.label, top[0], top[1] - 9 * this.unit, "center");
  }

  #angles(context, athlete, row) {
    for (const series of athlete.series) {
      if (series.unit !== "deg" || !series.joint) continue;
      const at = athlete.point(row, this.motion.skeleton.joints.indexOf(series.joint));
      const value = series.values[row];
      if (at && Number.isFinite(value)) {
        this.#label(context, `${value.toFixed(0)}°`, at[0] + 6 * this.unit, at[1], "left");
      }
    }
  }

  #label(context, text, x, y, align) {
    context.font = `600 ${8 * this.unit}px system-ui, sans-serif`;
    context.textAlign = align;
    context.lineWidth = 2.2 * this.unit;
    context.strokeStyle = "rgba(0,0,0,.7)";
    context.strokeText(text, x, y);
    context.fillStyle = "#ffffff";
    context.fillText(text, x, y);
  }
}
