// The bar with which people move through the clip and choose what is drawn.

import { button, choice, make } from "podium/elements.js";

export const RATES = [0.1, 0.25, 0.5, 1, 2];
export const LAYERS = { bones: "b", points: "p", names: "n", angles: "g", trails: "t" };

export class Controls {
  /** @param viewer {motion, strings, cursor, show, pictures, chooseAthlete(value), chooseLoop(value), setLayer(name, on)}. */
  constructor(viewer) {
    Object.assign(this, { viewer, strings: viewer.strings });
    this.element = this.#build();
    viewer.cursor.addEventListener("state", () => this.show());
    this.show();
  }

  /** Playing or not, and how fast. */
  show() {
    const { playing, rate } = this.viewer.cursor;
    const label = playing ? this.strings.pause : this.strings.play;
    this.playButton.textContent = playing ? "⏸" : "▶";
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = `${label} (Space)`;
    this.rate.value = String(rate);
    if (this.clipButton) this.clipButton.setAttribute("aria-pressed", Boolean(this.viewer.pictures.recording));
  }

  showRow(row) {
    const { motion } = this.viewer;
    this.slider.value = row;
    this.clock.textContent = `${(motion.time[row] ?? 0).toFixed(3)} s · ${this.strings.frame} ${motion.index[row] ?? 0}`;
    this.slider.setAttribute("aria-valuetext", this.clock.textContent);
  }

  showLayer(name, on) {
    this.layers.querySelector(`[data-layer=${name}]`).checked = on;
  }

  offerLoops(strides) {
    this.loop.replaceChildren(
      make("option", { value: "" }, `${this.strings.loop}: –`),
      make("option", { value: "all" }, this.strings.whole),
      ...strides.map((stride, at) => make("option", { value: at }, stride.label)),
    );
  }

  #build() {
    const { strings, viewer } = this;
    const { motion, cursor } = viewer;
    const tool = (label, key, act, text) => button(text, act, { "aria-label": label, title: key ? `${label} (${key})` : label });
    this.playButton = tool(strings.play, "Space", () => cursor.toggle(), "▶");
    this.slider = make("input", {
      type: "range", min: 0, max: motion.rows - 1, value: 0, step: 1, "aria-label": strings.position,
      input: () => {
        cursor.pause();
        cursor.show(Number(this.slider.value));
      },
    });
    this.clock = make("output", { class: "clock" });
    this.rate = choice(strings.speed, RATES.map((rate) => [rate, `${rate}×`]), (value) => cursor.setRate(Number(value)));
    this.loop = choice(strings.loop, [], (value) => viewer.chooseLoop(value));
    const people = motion.athletes.map((one) => [one.person, one.label]);
    const athlete = choice(strings.athlete, [["", strings.all], ...people], (value) => viewer.chooseAthlete(value));
    this.layers = make("span", { class: "layers", role: "group", "aria-label": strings.show });
    for (const [name, key] of Object.entries(LAYERS)) {
      const box = make("input", { type: "checkbox", "data-layer": name, change: () => viewer.setLayer(name, box.checked) });
      box.checked = viewer.show[name];
      this.layers.append(make("label", { title: key.toUpperCase() }, box, strings[name]));
    }
    this.clipButton = viewer.pictures.canRecord ? tool(strings.clip, "V", () => viewer.pictures.clip(), strings.clipShort) : null;
    return make(
      "div",
      { class: "controls", role: "toolbar", "aria-label": strings.position },
      tool(strings.back, "←", () => cursor.step(-1), "‹"),
      this.playButton,
      tool(strings.forward, "→", () => cursor.step(1), "›"),
      this.slider,
      this.clock,
      this.rate,
      this.loop,
      ...(people.length > 1 ? [athlete] : []),
      this.layers,
      ...(people.length > 1 ? [tool(strings.compare, "", () => viewer.compare(), strings.compare)] : []),
      tool(strings.still, "S", () => viewer.pictures.still(), strings.picture),
      ...(this.clipButton ? [this.clipButton] : []),
      tool(strings.keys, "?", () => viewer.help.showModal(), "?"),
    );
  }
}
