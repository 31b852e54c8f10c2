// The viewer: builds the page around one cursor. Every text of the results is set as text.

import { Controls, LAYERS, RATES } from "podium/controls.js";
import { Corrections } from "podium/corrections.js";
import { Comparison, peopleOf } from "podium/comparison.js";
import { Corrector } from "podium/corrector.js";
import { Cursor } from "podium/cursor.js";
import { button, make } from "podium/elements.js";
import { measureAgain } from "podium/measuring.js";
import { Motion } from "podium/motion.js";
import { Overlay } from "podium/overlay.js";
import { Pictures } from "podium/pictures.js";
import { Plots } from "podium/plots.js";
import { scalarTables } from "podium/scalars.js";
import { Space } from "podium/space.js";
import { Stage } from "podium/stage.js";
import { strides } from "podium/strides.js";
import { LANGUAGES, stringsFor } from "podium/strings/index.js";

const FIRST_CURVES = 4;

/**
 * Show results.
 * @param root element that the viewer fills.
 * @param given the content of motion.json.
 * @param options videoUrl: address of the video or null; language;
 *   corrections: address that measures corrections anew, or null.
 */
export function openViewer(root, given, { videoUrl = null, corrections = null, ...page } = {}) {
  return new Viewer(root, new Motion(given), { ...settingsOf(page), videoUrl, corrections });
}

/**
 * Compare results.
 * @param trials {given: the content of motion.json, name, videoUrl} each.
 */
export function openComparison(root, trials, page = {}) {
  const people = trials.flatMap(({ given, name, videoUrl }) => peopleOf(new Motion(given), videoUrl, name));
  return new Comparison(root, people, settingsOf(page), null);
}

/** plotly.js is large and may come later than the page: then the window gets an event "plotly". */
function settingsOf({ language = null }) {
  const strings = stringsFor(language);
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = strings[element.dataset.word];
  document.documentElement.lang = Object.keys(LANGUAGES).find((tag) => LANGUAGES[tag] === strings);
  return { strings, plotly: () => window.Plotly ?? null };
}

class Viewer {
  /** @param before the viewer of the motion before it was measured anew, or null. */
  constructor(root, motion, settings, before = null) {
    Object.assign(this, { root, motion, settings, strings: settings.strings });
    this.chosen = new Set(motion.athletes.map((athlete) => athlete.person));
    this.show = before?.show ?? { bones: true, points: true, names: motion.athletes.length > 1, angles: false, trails: false };
    this.curves = before?.curves;
    this.corrections = new Corrections(motion, before?.corrections);
    this.cursor = new Cursor(motion, null);
    this.#build();
    this.corrector.element.open = Boolean(before?.corrector.isOpen);
    this.ends = new AbortController();
    const { signal } = this.ends;
    this.cursor.addEventListener("row", () => this.redraw());
    this.plots.seek = (seconds) => this.cursor.show(motion.rowAt(seconds));
    this.space.redraw = () => this.redraw();
    this.corrections.addEventListener("change", () => this.#corrected());
    addEventListener("keydown", (event) => this.#key(event), { signal });
    addEventListener("resize", () => this.redraw(), { signal });
    addEventListener("plotly", () => this.#charts(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#charts(), { signal });
    this.#athletesChanged();
    this.stage.setVideo(settings.videoUrl);
    if (before) this.cursor.show(Math.min(before.cursor.row, motion.rows - 1));
    this.draw();
  }

  get canvas() {
    return this.stage.canvas;
  }

  get spaceCanvas() {
    return this.space.hasData ? this.space.canvas : null;
  }

  video() {
    return this.cursor.video;
  }

  athletes() {
    return this.motion.athletes.filter((athlete) => this.chosen.has(athlete.person));
  }

  close() {
    this.ends.abort();
    this.cursor.follow(null);
    this.plots.clear();
  }

  /** Everything that shows the row; cheap enough for every frame. */
  draw() {
    const { row } = this.cursor;
    const { corrector, corrections } = this;
    this.overlay.draw(row, this.chosen, corrector.isOpen ? corrector.handles.chosen : null, corrections);
    if (corrector.isOpen) this.overlay.others(row);
    if (this.space.hasData) this.space.draw(row, this.chosen);
    this.plots.cursor(row);
    this.controls.showRow(row);
    this.pictures.drawn();
  }

  redraw() {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = null;
      this.draw();
    });
  }

  /** Two athletes of this clip beside each other, until somebody comes back. */
  compare() {
    this.close();
    const { root, motion, settings } = this;
    const back = () => {
      comparison.close();
      new Viewer(root, motion, settings, this);
    };
    const comparison = new Comparison(root, peopleOf(motion, settings.videoUrl), settings, back);
  }

  chooseAthlete(wanted) {
    const people = this.motion.athletes.map((athlete) => athlete.person);
    this.chosen = new Set(wanted === "" ? people : [Number(wanted)]);
    this.#athletesChanged();
    this.corrector.show();
    this.redraw();
  }

  chooseLoop(value) {
    const whole = [0, this.motion.rows - 1];
    this.cursor.setLoop(value === "" ? null : value === "all" ? whole : this.strides[Number(value)].rows);
  }

  setLayer(name, on) {
    this.show[name] = on;
    this.controls.showLayer(name, on);
    this.redraw();
  }

  #build() {
    const { strings, motion, settings } = this;
    this.stage = new Stage(motion, strings, this.cursor);
    this.overlay = new Overlay(this.stage.canvas, motion, this.show);
    this.space = new Space(make("canvas", { class: "space", tabindex: "0", role: "img", "aria-label": strings.space }), motion);
    this.scalars = make("div", { class: "scalars" });
    this.curveChoice = make("div", { class: "choices", role: "group", "aria-label": strings.curves });
    const charts = make("div", { class: "charts" });
    this.plots = new Plots(charts, motion, strings, (athlete) => this.corrections.events(athlete));
    this.pictures = new Pictures(this);
    this.controls = new Controls(this);
    this.corrector = new Corrector(this, settings.corrections && ((corrections) => this.#measure(corrections)));
    this.help = make("dialog", { "aria-label": strings.keys }, make("p", {}, strings.help), button(strings.close, () => this.help.close()));
    const inSpace = this.space.hasData ? this.space.canvas : make("p", { class: "note" }, strings.noSpace);
    this.root.replaceChildren(
      ...this.#warnings(),
      make("div", { class: "views" }, this.stage.element, make("section", { class: "in-space", "aria-label": "3D" }, inSpace)),
      this.controls.element,
      this.corrector.element,
      make("section", {}, make("h2", {}, strings.curves), this.curveChoice, charts),
      make("section", {}, make("h2", {}, strings.numbers), this.scalars),
      this.help,
    );
  }

  #warnings() {
    const { warnings } = this.motion;
    if (!warnings.length) return [];
    const list = make("ul", {}, ...warnings.map((text) => make("li", {}, text)));
    return [make("details", { class: "warnings", open: warnings.length < 4 }, make("summary", {}, this.strings.warnings), list)];
  }

  #athletesChanged() {
    const athletes = this.athletes();
    this.scalars.replaceChildren(
      ...athletes.map((one) => make("div", {}, make("h3", {}, one.label), ...scalarTables(one, this.strings))),
    );
    this.strides = athletes.flatMap((one) => strides(this.motion, one, this.strings));
    this.controls.offerLoops(this.strides);
    const titles = [...new Set(athletes.flatMap((one) => [...this.plots.groups(one).keys()]))];
    this.curves ??= new Set(titles.slice(0, FIRST_CURVES));
    this.curveChoice.replaceChildren(
      ...titles.map((title) => {
        const box = make("input", {
          type: "checkbox",
          change: () => {
            box.checked ? this.curves.add(title) : this.curves.delete(title);
            this.#charts();
          },
        });
        box.checked = this.curves.has(title);
        return make("label", {}, box, title);
      }),
    );
    this.#charts();
  }

  #charts() {
    this.plots.plotly = this.settings.plotly();
    this.plots.show(this.athletes(), [...this.curves]);
    this.plots.cursor(this.cursor.row);
  }

  #corrected() {
    this.plots.eventsChanged();
    this.redraw();
  }

  async #measure(corrections) {
    const given = await measureAgain(this.settings.corrections, corrections);
    this.close();
    new Viewer(this.root, new Motion(given), this.settings, this);
  }

  #key(event) {
    const { target, key } = event;
    if (this.help.open) return;
    if (target.matches?.("select, textarea, input:not([type=range]):not([type=checkbox])")) return;
    if (this.corrector.key(event)) return event.preventDefault();
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (key === " " && target.matches?.("button, input[type=checkbox], summary")) return;
    const rate = RATES.indexOf(this.cursor.rate);
    const layer = Object.keys(LAYERS).find((name) => LAYERS[name] === key.toLowerCase());
    if (key === " ") this.cursor.toggle();
    else if (key === "ArrowLeft") this.cursor.step(event.shiftKey ? -10 : -1);
    else if (key === "ArrowRight") this.cursor.step(event.shiftKey ? 10 : 1);
    else if (key === "Home") this.cursor.show(0);
    else if (key === "End") this.cursor.show(this.motion.rows - 1);
    else if (key === "[") this.cursor.setRate(RATES[Math.max(0, rate - 1)]);
    else if (key === "]") this.cursor.setRate(RATES[Math.min(RATES.length - 1, rate + 1)]);
    else if (key.toLowerCase() === "l") this.#nextLoop();
    else if (key.toLowerCase() === "c") this.corrector.toggle();
    else if (key.toLowerCase() === "s") this.pictures.still();
    else if (key.toLowerCase() === "v" && this.pictures.canRecord) this.pictures.clip();
    else if (key === "?") this.help.showModal();
    else if (layer) this.setLayer(layer, !this.show[layer]);
    else return;
    event.preventDefault();
  }

  /** The next stride; after the last one, no repetition. */
  #nextLoop() {
    const { loop } = this.controls;
    loop.selectedIndex = (loop.selectedIndex + 1) % loop.options.length;
    this.chooseLoop(loop.value);
  }
}
