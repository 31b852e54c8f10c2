// The viewer: builds the page around one cursor. Every text of the results is set as text.

import { Cursor } from "podium/cursor.js";
import { Motion } from "podium/motion.js";
import { Overlay } from "podium/overlay.js";
import { Plots } from "podium/plots.js";
import { scalarTable } from "podium/scalars.js";
import { Space } from "podium/space.js";
import { strides } from "podium/strides.js";
import { LANGUAGES, stringsFor } from "podium/strings/index.js";

const RATES = [0.1, 0.25, 0.5, 1, 2];
const LAYERS = { bones: "b", points: "p", names: "n", angles: "g", trails: "t" };
const FIRST_CURVES = 4;

/** An element with attributes (or properties, where they are functions) and children. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

/**
 * Show results.
 * @param root element that the viewer fills.
 * @param given the content of motion.json.
 * @param options videoUrl: address of the video or null; plotly: plotly.js or null; language.
 */
export function openViewer(root, given, { videoUrl = null, plotly = null, language = null } = {}) {
  const strings = stringsFor(language);
  const motion = new Motion(given);
  document.documentElement.lang = Object.keys(LANGUAGES).find((tag) => LANGUAGES[tag] === strings);
  const viewer = new Viewer(root, motion, strings, plotly, videoUrl);
  viewer.draw();
  return viewer;
}

class Viewer {
  constructor(root, motion, strings, plotly, videoUrl) {
    Object.assign(this, { root, motion, strings, plotly });
    this.chosen = new Set(motion.athletes.map((athlete) => athlete.person));
    this.show = { bones: true, points: true, names: motion.athletes.length > 1, angles: false, trails: false };
    this.#build();
    this.cursor = new Cursor(motion, null);
    this.cursor.addEventListener("row", () => this.#schedule());
    this.cursor.addEventListener("state", () => this.#controlsShow());
    this.plots.seek = (seconds) => this.cursor.show(motion.rowAt(seconds));
    this.space.redraw = () => this.#schedule();
    addEventListener("keydown", (event) => this.#key(event));
    addEventListener("resize", () => this.#schedule());
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#charts());
    this.#athletesChanged();
    this.#controlsShow();
    this.setVideo(videoUrl);
  }

  /** Show a video under the skeletons; without one, or where it does not play, ask for the file. */
  setVideo(url) {
    this.stage.querySelector("video")?.remove();
    this.cursor.follow(null);
    this.noVideo.hidden = Boolean(url);
    if (!url) return;
    const video = make("video", { muted: true, playsinline: true, preload: "auto", "aria-label": this.motion.source.name });
    video.muted = true;
    video.addEventListener("error", () => this.setVideo(null));
    video.addEventListener("loadeddata", () => this.cursor.show(this.cursor.row), { once: true });
    video.src = url;
    this.stage.prepend(video);
    this.cursor.follow(video);
  }

  /** Everything that shows the row; cheap enough for every frame. */
  draw() {
    const { row } = this.cursor;
    this.overlay.draw(row, this.chosen);
    if (this.space.hasData) this.space.draw(row, this.chosen);
    this.plots.lastRow = row;
    this.plots.cursor(row);
    this.slider.value = row;
    const seconds = this.motion.time[row] ?? 0;
    this.clock.textContent = `${seconds.toFixed(3)} s · ${this.strings.frame} ${this.motion.index[row] ?? 0}`;
    this.slider.setAttribute("aria-valuetext", this.clock.textContent);
  }

  #schedule() {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = null;
      this.draw();
    });
  }

  #build() {
    const { strings, motion } = this;
    const { width, height } = motion.source;
    const canvas = make("canvas", { class: "overlay", "aria-hidden": "true" });
    const spaceCanvas = make("canvas", { class: "space", tabindex: "0", role: "img", "aria-label": strings.space });
    this.overlay = new Overlay(canvas, motion, this.show);
    this.space = new Space(spaceCanvas, motion);
    const file = make("input", {
      type: "file", accept: "video/*",
      change: () => file.files[0] && this.setVideo(URL.createObjectURL(file.files[0])),
    });
    this.noVideo = make("p", { class: "no-video" }, strings.noVideo, make("label", {}, strings.chooseVideo, file));
    this.stage = make("div", { class: "stage" }, canvas);
    this.stage.style.aspectRatio = `${width} / ${height}`;
    const beside = this.space.hasData ? spaceCanvas : make("p", { class: "note" }, strings.noSpace);
    this.scalars = make("div", { class: "scalars" });
    this.curveChoice = make("div", { class: "choices", role: "group", "aria-label": strings.curves });
    const charts = make("div", { class: "charts" });
    this.plots = new Plots(charts, motion, this.plotly, strings);
    this.root.replaceChildren(
      ...this.#warnings(),
      make("div", { class: "views" }, make("section", { "aria-label": motion.source.name }, this.stage, this.noVideo), make("section", { "aria-label": "3D" }, beside)),
      this.#controls(),
      make("section", {}, make("h2", {}, strings.curves), this.curveChoice, charts),
      make("section", {}, make("h2", {}, strings.numbers), this.scalars),
      this.#help(),
    );
  }

  #warnings() {
    const { warnings } = this.motion;
    if (!warnings.length) return [];
    const list = make("ul", {}, ...warnings.map((text) => make("li", {}, text)));
    return [make("details", { class: "warnings", open: warnings.length < 4 }, make("summary", {}, this.strings.warnings), list)];
  }

  #controls() {
    const { strings, motion } = this;
    const button = (label, key, act, text) =>
      make("button", { type: "button", "aria-label": label, title: `${label} (${key})`, click: act }, text);
    this.playButton = button(strings.play, "Space", () => this.cursor.toggle(), "▶");
    this.slider = make("input", {
      type: "range", min: 0, max: motion.rows - 1, value: 0, step: 1, "aria-label": strings.position,
      input: () => {
        this.cursor.pause();
        this.cursor.show(Number(this.slider.value));
      },
    });
    this.clock = make("output", { class: "clock" });
    this.rate = make("select", { "aria-label": strings.speed, change: () => this.cursor.setRate(Number(this.rate.value)) });
    this.rate.append(...RATES.map((rate) => make("option", { value: rate, selected: rate === 1 }, `${rate}×`)));
    this.loop = make("select", { "aria-label": strings.loop, change: () => this.#loopChosen() });
    this.athlete = make("select", { "aria-label": strings.athlete, change: () => this.#athleteChosen() });
    this.athlete.append(
      make("option", { value: "" }, strings.all),
      ...motion.athletes.map((one) => make("option", { value: one.person }, one.label)),
    );
    this.layers = Object.entries(LAYERS).map(([name, key]) => {
      const box = make("input", { type: "checkbox", change: () => this.#layer(name, box.checked) });
      box.checked = this.show[name];
      box.dataset.layer = name;
      return make("label", { title: key.toUpperCase() }, box, strings[name]);
    });
    return make(
      "div",
      { class: "controls", role: "toolbar", "aria-label": strings.position },
      button(strings.back, "←", () => this.cursor.step(-1), "‹"),
      this.playButton,
      button(strings.forward, "→", () => this.cursor.step(1), "›"),
      this.slider,
      this.clock,
      this.rate,
      this.loop,
      ...(motion.athletes.length > 1 ? [this.athlete] : []),
      make("span", { class: "layers", role: "group", "aria-label": strings.show }, ...this.layers),
      button(strings.keys, "?", () => this.help.showModal(), "?"),
    );
  }

  #help() {
    this.help = make("dialog", { "aria-label": this.strings.keys }, make("p", {}, this.strings.help));
    this.help.append(make("button", { type: "button", click: () => this.help.close() }, this.strings.close));
    return this.help;
  }

  #controlsShow() {
    const { playing, rate } = this.cursor;
    const label = playing ? this.strings.pause : this.strings.play;
    this.playButton.textContent = playing ? "⏸" : "▶";
    this.playButton.setAttribute("aria-label", label);
    this.playButton.title = `${label} (Space)`;
    this.rate.value = String(rate);
  }

  #shownAthletes() {
    return this.motion.athletes.filter((athlete) => this.chosen.has(athlete.person));
  }

  #athleteChosen() {
    const wanted = this.athlete.value;
    const people = this.motion.athletes.map((athlete) => athlete.person);
    this.chosen = new Set(wanted === "" ? people : [Number(wanted)]);
    this.#athletesChanged();
    this.#schedule();
  }

  #athletesChanged() {
    const athletes = this.#shownAthletes();
    this.scalars.replaceChildren(
      ...athletes.map((one) => make("div", {}, make("h3", {}, one.label), scalarTable(one, this.strings))),
    );
    this.strides = athletes.flatMap((one) => strides(this.motion, one, this.strings));
    this.loop.replaceChildren(
      make("option", { value: "" }, `${this.strings.loop}: –`),
      make("option", { value: "all" }, this.strings.whole),
      ...this.strides.map((stride, at) => make("option", { value: at }, stride.label)),
    );
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
    this.plots.show(this.#shownAthletes(), [...this.curves]);
    this.plots.cursor(this.cursor?.row ?? 0);
  }

  #loopChosen() {
    const { value } = this.loop;
    const whole = [0, this.motion.rows - 1];
    this.cursor.setLoop(value === "" ? null : value === "all" ? whole : this.strides[Number(value)].rows);
  }

  #layer(name, on) {
    this.show[name] = on;
    for (const label of this.layers) {
      const box = label.firstChild;
      if (box.dataset.layer === name) box.checked = on;
    }
    this.#schedule();
  }

  #key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || this.help.open) return;
    if (target.matches?.("select, textarea, input:not([type=range]):not([type=checkbox])")) return;
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
    else if (key === "?") this.help.showModal();
    else if (layer) this.#layer(layer, !this.show[layer]);
    else return;
    event.preventDefault();
  }

  /** The next stride; after the last one, no repetition. */
  #nextLoop() {
    const { options } = this.loop;
    this.loop.selectedIndex = (this.loop.selectedIndex + 1) % options.length;
    this.#loopChosen();
  }
}
