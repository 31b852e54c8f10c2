// Key points that can be taken with the pointer, or moved with the arrow keys, on the canvas.

const REACH_PX = 24; // of the page
const STEPS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

export class Handles {
  /**
   * @param canvas of the overlay.
   * @param state {corrections, row(), athletes(), redraw()} of the viewer.
   */
  constructor(canvas, state) {
    Object.assign(this, { canvas, state });
    this.chosen = null; // {athlete, joint}
    this.active = false;
    this.onChosen = () => {};
    canvas.addEventListener("pointerdown", (event) => this.#take(event));
    canvas.addEventListener("pointermove", (event) => this.#drag(event));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, () => this.#drop());
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  setActive(active) {
    this.active = active;
    this.canvas.classList.toggle("editing", active);
    if (active) this.canvas.tabIndex = 0;
    else this.canvas.removeAttribute("tabindex");
    this.state.redraw();
  }

  choose(athlete, joint) {
    this.chosen = athlete && joint >= 0 ? { athlete, joint } : null;
    this.onChosen();
    this.state.redraw();
  }

  restore() {
    const { chosen, state } = this;
    if (chosen) state.corrections.movePoint(chosen.athlete, state.row(), chosen.joint, null);
  }

  /** Pixel of the frame under the pointer; the canvas keeps its shape inside its box. */
  #pixel({ clientX, clientY }) {
    const { canvas } = this;
    const box = canvas.getBoundingClientRect();
    this.scale = Math.min(box.width / canvas.width, box.height / canvas.height);
    const left = box.left + (box.width - canvas.width * this.scale) / 2;
    const top = box.top + (box.height - canvas.height * this.scale) / 2;
    return [(clientX - left) / this.scale, (clientY - top) / this.scale];
  }

  #take(event) {
    if (!this.active) return;
    const at = this.#pixel(event);
    let best = REACH_PX / this.scale;
    let found = null;
    for (const athlete of this.state.athletes()) {
      for (let joint = 0; joint < athlete.joints; joint++) {
        const point = athlete.point(this.state.row(), joint);
        const far = point ? Math.hypot(point[0] - at[0], point[1] - at[1]) : Infinity;
        if (far < best) [best, found] = [far, { athlete, joint }];
      }
    }
    if (!found) return;
    event.preventDefault();
    this.canvas.focus();
    this.canvas.setPointerCapture(event.pointerId);
    this.choose(found.athlete, found.joint);
    this.state.corrections.automatic(found.athlete, this.state.row(), found.joint);
    this.dragged = { row: this.state.row(), pixel: null };
  }

  #drag(event) {
    if (!this.dragged) return;
    this.dragged.pixel = this.#pixel(event);
    this.chosen.athlete.movePoint(this.dragged.row, this.chosen.joint, this.dragged.pixel);
    this.state.redraw();
  }

  #drop() {
    const { dragged, chosen } = this;
    this.dragged = null;
    if (dragged?.pixel) this.state.corrections.movePoint(chosen.athlete, dragged.row, chosen.joint, dragged.pixel);
  }

  #key(event) {
    const step = STEPS[event.key];
    if (!this.active || !this.chosen) return;
    const { athlete, joint } = this.chosen;
    const row = this.state.row();
    if (step) {
      const { width, height } = this.canvas;
      const [x, y] = athlete.point(row, joint) ?? [width / 2, height / 2];
      const far = event.shiftKey ? 10 : 1;
      this.state.corrections.movePoint(athlete, row, joint, [x + far * step[0], y + far * step[1]]);
    } else if (event.key === "Delete" || event.key === "Backspace") this.restore();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
