// The skeletons in space on a canvas: orbit, zoom, floor grid, several athletes. No WebGL, so that it
// runs and is tested everywhere; a few hundred lines a frame need none.

import { sideOnPage } from "podium/colours.js";

const GRID_M = 0.5;
const GRID_CELLS = 8;

export class Space {
  constructor(canvas, motion) {
    this.canvas = canvas;
    this.motion = motion;
    this.yaw = 0.5; // radians; 0 looks as the camera does
    this.pitch = 0.15;
    this.zoom = 1;
    [this.floor, this.top] = this.#heights();
    this.redraw = () => {};
    this.size = [0, 0]; // asking for it on each frame would have the page laid out
    new ResizeObserver(() => {
      this.size = [canvas.clientWidth, canvas.clientHeight];
      this.redraw();
    }).observe(canvas);
    this.#pointers();
  }

  get hasData() {
    return this.motion.athletes.some((athlete) => athlete.places);
  }

  reset() {
    Object.assign(this, { yaw: 0.5, pitch: 0.15, zoom: 1 });
    this.redraw();
  }

  turn(yaw, pitch) {
    this.yaw += yaw;
    this.pitch = Math.max(-1.5, Math.min(1.5, this.pitch + pitch));
    this.redraw();
  }

  scale(factor) {
    this.zoom = Math.max(0.3, Math.min(5, this.zoom * factor));
    this.redraw();
  }

  draw(row, chosen) {
    const { canvas } = this;
    const ratio = devicePixelRatio || 1;
    const [width, height] = this.size;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const project = this.#projection(width, height);
    this.#grid(context, project);
    const lines = [];
    const shown = this.motion.athletes.filter((athlete) => athlete.places);
    shown.forEach((athlete, position) => {
      const shift = [(position - (shown.length - 1) / 2) * 1.2, 0, 0];
      for (const [number, bone] of this.motion.skeleton.bones.entries()) {
        const ends = bone.map((joint) => athlete.place(row, joint));
        if (!ends[0] || !ends[1]) continue;
        const [a, b] = ends.map((place) => project(place.map((value, axis) => value + shift[axis])));
        const alpha = chosen.has(athlete.person) ? 1 : 0.35;
        lines.push({ a, b, depth: a[2] + b[2], side: this.motion.sides[number], alpha });
      }
    });
    context.lineCap = "round";
    context.lineWidth = Math.max(1.5, 3.2 * this.zoom);
    lines.sort((one, two) => two.depth - one.depth);
    lines.forEach(({ a, b, side, alpha }, at) => {
      const [before, after] = [lines[at - 1], lines[at + 1]];
      if (before?.side !== side || before.alpha !== alpha) {
        context.globalAlpha = alpha;
        context.strokeStyle = sideOnPage(side);
        context.beginPath();
      }
      context.moveTo(a[0], a[1]);
      context.lineTo(b[0], b[1]);
      if (after?.side !== side || after.alpha !== alpha) context.stroke(); // neighbours in one stroke
    });
    context.globalAlpha = 1;
  }

  /** Metres to pixels of the canvas, and the depth. */
  #projection(width, height) {
    const [sy, cy, sp, cp] = [Math.sin(this.yaw), Math.cos(this.yaw), Math.sin(this.pitch), Math.cos(this.pitch)];
    const middle = (this.floor + this.top) / 2;
    const unit = Math.min(width / 2.2, height / (1.25 * Math.max(this.top - this.floor, 0.5))) * this.zoom;
    return ([x, above, z]) => {
      const y = above - middle;
      const across = cy * x + sy * z;
      const away = -sy * x + cy * z;
      const up = cp * y - sp * away;
      const depth = 6 - (sp * y + cp * away);
      const scale = (unit * 6) / Math.max(depth, 0.5);
      return [width / 2 + across * scale, height / 2 - up * scale, depth];
    };
  }

  #grid(context, project) {
    context.strokeStyle = sideOnPage("centre");
    context.globalAlpha = 0.22;
    context.lineWidth = 1;
    const reach = (GRID_M * GRID_CELLS) / 2;
    context.beginPath();
    for (let line = -reach; line <= reach + 1e-9; line += GRID_M) {
      for (const ends of [[[line, -reach], [line, reach]], [[-reach, line], [reach, line]]]) {
        const [a, b] = ends.map(([x, z]) => project([x, this.floor, z]));
        context.moveTo(a[0], a[1]);
        context.lineTo(b[0], b[1]);
      }
    }
    context.stroke();
    context.globalAlpha = 1;
  }

  /** The height that 2 % of all feet are below: the floor, without outliers; likewise the top of all. */
  #heights() {
    const heights = [];
    const all = [];
    const feet = new Set(this.motion.skeleton.joints.flatMap((name, joint) => (/ankle|heel|foot|toe/.test(name) ? [joint] : [])));
    for (const athlete of this.motion.athletes) {
      const step = Math.max(1, Math.floor(this.motion.rows / 500));
      for (let row = 0; row < this.motion.rows; row += step) {
        for (let joint = 0; joint < athlete.joints; joint++) {
          const place = athlete.place(row, joint);
          if (!place) continue;
          all.push(place[1]);
          if (feet.has(joint)) heights.push(place[1]);
        }
      }
    }
    const share = (values, part, otherwise) =>
      values.length ? values.sort((a, b) => a - b)[Math.floor(part * (values.length - 1))] : otherwise;
    return [share(heights, 0.02, -0.9), share(all, 0.98, 0.7)];
  }

  #pointers() {
    const pointers = new Map();
    const { canvas } = this;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, [event.clientX, event.clientY]);
    });
    canvas.addEventListener("pointermove", (event) => {
      const before = pointers.get(event.pointerId);
      if (!before) return;
      const now = [event.clientX, event.clientY];
      if (pointers.size === 1) this.turn((now[0] - before[0]) * 0.01, (now[1] - before[1]) * 0.01);
      else if (pointers.size === 2) {
        const [, other] = [...pointers].find(([id]) => id !== event.pointerId);
        const distance = (point) => Math.hypot(point[0] - other[0], point[1] - other[1]);
        this.scale(distance(now) / Math.max(distance(before), 1));
      }
      pointers.set(event.pointerId, now);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
    canvas.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        this.scale(Math.exp(-event.deltaY * 0.001));
      },
      { passive: false },
    );
    canvas.addEventListener("keydown", (event) => {
      const turns = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, -0.1], ArrowDown: [0, 0.1] };
      if (turns[event.key]) this.turn(...turns[event.key]);
      else if (event.key === "+" || event.key === "=") this.scale(1.15);
      else if (event.key === "-") this.scale(1 / 1.15);
      else if (event.key === "0") this.reset();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
}
