// Two trials or athletes side by side, by time or by stride, under one cursor.

import { Chart } from "podium/chart.js";
import { compared } from "podium/colours.js";
import { RATES } from "podium/controls.js";
import { POINTS, meanCurve, rmse } from "podium/cycles.js";
import { button, choice, make } from "podium/elements.js";
import { drawFigures } from "podium/figures.js";
import { Trial } from "podium/trial.js";

const STEPS = 1000; // of the slider
const FIRST_CURVES = 4;
const NAMES = ["A", "B"];

/** The athletes of a clip as those who can be compared. */
export const peopleOf = (motion, videoUrl, name = "") =>
  motion.athletes.map((athlete) => ({
    motion, athlete, videoUrl, label: [name, athlete.label].filter(Boolean).join(", "),
  }));

/**
 * @param root element that is filled.
 * @param people {motion, athlete, label, videoUrl} of whom two are compared.
 * @param settings {strings, plotly: function that gives plotly.js, or null}.
 * @param back function that shows one trial again, or null.
 */
export class Comparison {
  constructor(root, people, settings, back) {
    Object.assign(this, { root, people, settings, strings: settings.strings, back });
    const other = people.findIndex((one) => one.motion !== people[0].motion);
    this.picked = [0, other < 0 ? 1 : other];
    this.rate = 1;
    this.mirrored = false;
    this.charts = [];
    this.ends = new AbortController();
    const { signal } = this.ends;
    addEventListener("keydown", (event) => this.#key(event), { signal });
    addEventListener("resize", () => this.#redraw(), { signal });
    addEventListener("plotly", () => this.#charts(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#charts(), { signal });
    this.#build();
  }

  close() {
    this.ends.abort();
    this.#clear();
  }

  #clear() {
    for (const chart of this.charts) chart.remove();
    this.charts = [];
    for (const trial of this.trials ?? []) trial.cursor.follow(null);
  }

  #build() {
    const { strings, people } = this;
    this.#clear();
    this.trials = this.picked.map((at) => new Trial(people[at], strings, () => this.#spanChanged()));
    const haveStrides = this.trials.every((trial) => trial.strides.length);
    this.by = haveStrides ? this.by ?? "stride" : "time";
    this.leader = this.trials[0];
    for (const trial of this.trials) {
      trial.cursor.addEventListener("row", () => this.#moved(trial));
      trial.cursor.addEventListener("state", () => this.#controlsShow());
    }
    const who = (number) => {
      const select = choice(NAMES[number], people.map((one, at) => [at, one.label]), (value) => {
        this.picked[number] = Number(value);
        this.#build();
      });
      select.value = String(this.picked[number]);
      return make("label", { class: "who" }, make("b", { style: `color:${compared(number)}` }, NAMES[number]), " ", select);
    };
    this.byChoice = choice(strings.compareBy, haveStrides ? [["stride", strings.stride], ["time", strings.byTime]] : [["time", strings.byTime]], (value) => {
      this.by = value;
      this.#spanChanged();
    });
    this.byChoice.value = this.by;
    const mirror = make("input", { type: "checkbox", change: () => ((this.mirrored = mirror.checked), this.#redraw()) });
    mirror.checked = this.mirrored;
    this.figures = make("canvas", { class: "space", role: "img", "aria-label": strings.figures });
    this.playButton = button("▶", () => this.#toggle());
    this.slider = make("input", { type: "range", min: 0, max: STEPS, value: 0, "aria-label": strings.position, input: () => this.#seek(this.slider.value / STEPS) });
    this.clock = make("output", { class: "clock" });
    const rate = choice(strings.speed, RATES.map((each) => [each, `${each}×`]), (value) => this.#setRate(Number(value)));
    rate.value = String(this.rate);
    this.curveChoice = make("div", { class: "choices", role: "group", "aria-label": strings.curves });
    this.chartHolder = make("div", { class: "charts" });
    this.root.replaceChildren(
      make("div", { class: "controls" }, ...(this.back ? [button(strings.oneTrial, () => this.back())] : []), who(0), who(1), this.byChoice),
      make(
        "div",
        { class: "views three" },
        ...this.trials.map((trial) => trial.element),
        make("section", { "aria-label": strings.figures }, this.figures, make("label", {}, mirror, ` ${strings.mirror}`)),
      ),
      make("div", { class: "controls", role: "toolbar", "aria-label": strings.position }, this.playButton, this.slider, this.clock, rate),
      make("section", {}, make("h2", {}, strings.curves), this.curveChoice, this.chartHolder, make("p", { class: "note" }, strings.compareHelp)),
    );
    this.#offerCurves();
    this.#spanChanged();
    this.#controlsShow();
  }

  /** Another part of a trial is compared. */
  #spanChanged() {
    const durations = this.trials.map((trial) => trial.span(this.by)).map(([from, to]) => to - from);
    this.duration = this.by === "stride" ? durations[0] : Math.max(...durations);
    this.leader = this.by === "stride" || durations[0] >= durations[1] ? this.trials[0] : this.trials[1];
    this.trials.forEach((trial, number) => {
      const [from, to] = trial.span(this.by);
      trial.cursor.setLoop([trial.motion.rowAt(from), trial.motion.rowAt(to)]);
      trial.ratio = this.by === "stride" ? durations[number] / this.duration : 1;
      trial.choice.hidden = this.by !== "stride";
    });
    this.#setRate(this.rate);
    this.#charts();
    this.#seek(0);
  }

  /** Where a trial is when this share of the way is done. */
  #secondsAt(trial, share) {
    const [from, to] = trial.span(this.by);
    return this.by === "stride" ? from + share * (to - from) : Math.min(from + share * this.duration, to);
  }

  get share() {
    const [from, to] = this.leader.span(this.by);
    const gone = this.leader.motion.time[this.leader.cursor.row] - from;
    return Math.max(0, Math.min(1, gone / (this.by === "stride" ? to - from : this.duration)));
  }

  #seek(share) {
    this.#pause();
    for (const trial of this.trials) trial.cursor.show(trial.motion.rowAt(this.#secondsAt(trial, share)));
    this.#redraw();
  }

  #step(frames) {
    const { motion, cursor } = this.leader;
    this.#pause();
    cursor.step(frames);
    const [from] = this.leader.span(this.by);
    this.#seek((motion.time[cursor.row] - from) / this.#leaderDuration());
  }

  #leaderDuration() {
    const [from, to] = this.leader.span(this.by);
    return this.by === "stride" ? to - from : this.duration;
  }

  /** The leader's way is everybody's: who is more than two frames off is called back. */
  #moved(trial) {
    if (trial === this.leader) {
      for (const other of this.trials) {
        if (other === trial || !other.cursor.playing) continue;
        const row = other.motion.rowAt(this.#secondsAt(other, this.share));
        if (Math.abs(row - other.cursor.row) > 2) other.cursor.show(row);
      }
    }
    this.#redraw();
  }

  #toggle() {
    if (this.leader.cursor.playing) return this.#pause();
    for (const trial of this.trials) trial.cursor.play();
  }

  #pause() {
    for (const trial of this.trials) trial.cursor.pause();
  }

  #setRate(rate) {
    this.rate = rate;
    for (const trial of this.trials) trial.cursor.setRate(rate * trial.ratio);
  }

  #controlsShow() {
    const { playing } = this.leader.cursor;
    this.playButton.textContent = playing ? "⏸" : "▶";
    this.playButton.setAttribute("aria-label", playing ? this.strings.pause : this.strings.play);
  }

  #redraw() {
    if (this.scheduled) return;
    this.scheduled = requestAnimationFrame(() => {
      this.scheduled = null;
      const { share } = this;
      for (const trial of this.trials) trial.draw();
      drawFigures(this.figures, this.trials, this.trials.map((trial) => trial.cursor.row), this.mirrored);
      this.slider.value = share * STEPS;
      this.clock.textContent = this.by === "stride" ? `${(100 * share).toFixed(0)} %` : `${(share * this.duration).toFixed(3)} s`;
      this.slider.setAttribute("aria-valuetext", this.clock.textContent);
      for (const chart of this.charts) chart.cursor(this.by === "stride" ? 100 * share : share * this.duration);
    });
  }

  /** The series that both have, by name. */
  #shared() {
    const [first, second] = this.trials.map((trial) => new Map(trial.athlete.series.map((one) => [one.name, one])));
    return [...first].filter(([name]) => second.has(name)).map(([name, one]) => ({ name, both: [one, second.get(name)] }));
  }

  #offerCurves() {
    const shared = this.#shared();
    this.curves ??= new Set(shared.filter(({ both }) => both[0].unit === "deg").slice(0, FIRST_CURVES).map(({ name }) => name));
    this.curveChoice.replaceChildren(
      ...shared.map(({ name, both }) => {
        const change = () => (box.checked ? this.curves.add(name) : this.curves.delete(name), this.#charts());
        const box = make("input", { type: "checkbox", change });
        box.checked = this.curves.has(name);
        return make("label", {}, box, both[0].label);
      }),
    );
  }

  #charts() {
    for (const chart of this.charts) chart.remove();
    this.charts = [];
    this.chartHolder.replaceChildren();
    const plotly = this.settings.plotly();
    if (!plotly) return;
    const stride = this.by === "stride";
    for (const { name, both } of this.#shared().filter((one) => this.curves.has(one.name))) {
      const feet = stride ? this.#foot(both[0]) : [];
      const means = stride ? this.trials.map((trial, number) => this.#mean(trial, both[number], feet[number])) : [null, null];
      const over = [...new Set(feet)].filter((side) => !name.startsWith(`${side}_`)).map((side) => `${this.strings.stride}: ${this.strings[side]}`);
      const apart = means[0] && means[1] ? `, RMSE ${rmse(means[0].mean, means[1].mean).toFixed(1)} ${both[0].unit}` : "";
      const traces = this.trials.flatMap((trial, number) =>
        stride ? bands(means[number], number) : [line(trial, both[number], number)],
      );
      const content = {
        title: `${[both[0].label, ...over].join(", ")}${apart}`, unit: both[0].unit, traces: () => traces,
        xTitle: stride ? this.strings.percent : this.strings.sinceStart, range: [0, stride ? 100 : this.duration],
      };
      this.charts.push(new Chart(this.chartHolder, plotly, content, (x) => this.#seek(x / (stride ? 100 : this.duration))));
    }
    this.#redraw();
  }

  /** Whose strides a curve is taken over: of the foot of the measure where all have some, else of the chosen stride. */
  #foot(series) {
    const [, own] = /^(left|right)_/.exec(series.name) ?? [];
    const has = (trial) => trial.strides.some(({ side }) => side === own);
    return this.trials.every(has) ? this.trials.map(() => own) : this.trials.map((trial) => trial.strides[trial.stride].side);
  }

  #mean(trial, series, foot) {
    const cycles = trial.strides.filter(({ side }) => side === foot).map((stride) => stride.times);
    return meanCurve(trial.motion, series.values, cycles);
  }

  #key(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || target.matches?.("select")) return;
    if (key === " " && target.matches?.("button, input[type=checkbox]")) return;
    if (key === " ") this.#toggle();
    else if (key === "ArrowLeft") this.#step(event.shiftKey ? -10 : -1);
    else if (key === "ArrowRight") this.#step(event.shiftKey ? 10 : 1);
    else if (key === "Home") this.#seek(0);
    else if (key === "End") this.#seek(1);
    else return;
    event.preventDefault();
  }
}

function line(trial, series, number) {
  const { time } = trial.motion;
  return {
    x: Array.from(time, (seconds) => seconds - time[0]), y: series.values, name: NAMES[number], mode: "lines",
    line: { width: 1.7, color: compared(number), dash: number ? "dash" : "solid" },
  };
}

function bands(curve, number) {
  if (!curve) return [];
  const x = Array.from({ length: POINTS }, (_, at) => at);
  const color = compared(number);
  const mean = { x, y: curve.mean, name: `${NAMES[number]} (n = ${curve.n})`, mode: "lines", line: { width: 1.9, color, dash: number ? "dash" : "solid" } };
  if (!curve.sd) return [mean];
  const edge = (sign, more) => ({
    x, y: curve.mean.map((value, at) => value + sign * curve.sd[at]), mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, ...more,
  });
  return [edge(-1), edge(1, { fill: "tonexty", fillcolor: `${color}33` }), mean];
}
