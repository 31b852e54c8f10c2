// One side of a comparison: an athlete of a trial, with the video, and where a share of the way is.

import { Cursor } from "podium/cursor.js";
import { choice, make } from "podium/elements.js";
import { Overlay } from "podium/overlay.js";
import { Stage } from "podium/stage.js";
import { strides } from "podium/strides.js";

export class Trial {
  /** @param person {motion, athlete, label, videoUrl}. */
  constructor(person, strings, changed) {
    Object.assign(this, person);
    this.strings = strings;
    this.cursor = new Cursor(this.motion, null);
    this.stage = new Stage(this.motion, strings, this.cursor);
    this.overlay = new Overlay(this.stage.canvas, this.motion, { bones: true, points: true });
    this.strides = strides(this.motion, this.athlete, strings);
    this.stride = 0;
    const options = this.strides.map((stride, at) => [at, stride.label]);
    this.choice = choice(`${strings.stride}: ${this.label}`, options, (value) => {
      this.stride = Number(value);
      changed();
    });
    this.element = make("div", {}, this.stage.element, this.choice);
    this.stage.setVideo(this.videoUrl);
    this.height = this.#height();
  }

  /** The part that is compared, in seconds. */
  span(by) {
    const { time, rows } = this.motion;
    return by === "stride" && this.strides.length ? this.strides[this.stride].times : [time[0], time[rows - 1]];
  }

  draw() {
    this.overlay.draw(this.cursor.row, new Set([this.athlete.person]));
  }

  /** Key points on a row around the middle of the hips, in heights of the body; null: not known. */
  figure(row) {
    const hips = ["left_hip", "right_hip"].map((name) => this.athlete.point(row, this.motion.skeleton.joints.indexOf(name)));
    if (!hips[0] || !hips[1]) return null;
    const middle = [0, 1].map((axis) => (hips[0][axis] + hips[1][axis]) / 2);
    return this.motion.skeleton.joints.map((_, joint) => {
      const at = this.athlete.point(row, joint);
      return at && at.map((value, axis) => (value - middle[axis]) / this.height);
    });
  }

  /** Median extent of the key points from top to bottom, in pixels. */
  #height() {
    const { rows } = this.motion;
    const extents = [];
    for (let row = 0; row < rows; row += Math.max(1, Math.floor(rows / 200))) {
      let [top, bottom] = [Infinity, -Infinity];
      for (let joint = 0; joint < this.athlete.joints; joint++) {
        const at = this.athlete.point(row, joint);
        if (at) [top, bottom] = [Math.min(top, at[1]), Math.max(bottom, at[1])];
      }
      if (bottom > top) extents.push(bottom - top);
    }
    return extents.sort((a, b) => a - b)[Math.floor(extents.length / 2)] ?? 1;
  }
}
