// Curves over time, one chart for each group of measures, under one cursor.

import { Chart } from "podium/chart.js";
import { sideOnPage } from "podium/colours.js";

const MOST_POINTS = 4000; // of a curve; a chart has fewer columns of pixels
const DASHES = [{ left: "solid", right: "dash", centre: "solid" }, { left: "dot", right: "dashdot", centre: "dot" }]; // by athlete
const OTHERS = ["#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#0072b2", "#d55e00"];

const sideOf = (name) => (/^(left|right)_/.exec(name) ?? [null, "centre"])[1];

/** "left wrist flexion" and its other side share "Wrist flexion". */
function ofBothSides(label) {
  const plain = label.replace(/^(left|right) /, "");
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Keeps the first of every ``step`` values. */
function thinned(values, step) {
  if (step === 1) return values;
  const kept = new values.constructor(Math.ceil(values.length / step));
  for (let at = 0; at < kept.length; at++) kept[at] = values[at * step];
  return kept;
}

export class Plots {
  /**
   * @param holder element that the charts are put into.
   * @param events function from an athlete to events, with {time_s, automatic_s, side}.
   */
  constructor(holder, motion, strings, events) {
    Object.assign(this, { holder, motion, strings, events });
    this.plotly = null; // without it there are no charts
    this.charts = [];
    this.seek = () => {};
  }

  /** The groups that can be shown: title -> measures. */
  groups(athlete) {
    const groups = new Map();
    for (const series of athlete.series) {
      const title = series.plot || ofBothSides(series.label);
      if (!groups.has(title)) groups.set(title, []);
      groups.get(title).push(series);
    }
    return groups;
  }

  show(athletes, titles) {
    this.clear();
    if (!this.plotly) return;
    for (const title of titles) {
      const series = athletes.flatMap((athlete) =>
        (this.groups(athlete).get(title) ?? []).map((one) => ({ ...one, athlete, of: one })),
      );
      if (series.length) this.#chart(title, series);
    }
  }

  clear() {
    for (const { chart } of this.charts) chart.remove();
    this.charts = [];
    this.holder.replaceChildren();
  }

  cursor(row) {
    for (const { chart } of this.charts) chart.cursor(this.motion.time[row]);
  }

  eventsChanged() {
    for (const { chart, series } of this.charts) chart.setLines(this.#eventLines(series));
  }

  #chart(title, series) {
    const traces = () => this.#traces(series);
    const content = { title, unit: series[0].unit, xTitle: this.strings.time, range: this.#span(), traces, lines: this.#eventLines(series) };
    this.charts.push({ chart: new Chart(this.holder, this.plotly, content, (x) => this.seek(x)), series });
  }

  #traces(series) {
    const step = Math.max(1, Math.ceil(this.motion.rows / MOST_POINTS));
    const time = thinned(this.motion.time, step);
    const athletes = [...new Set(series.map((one) => one.athlete))];
    return series.map((one, position) => {
      const side = sideOf(one.name);
      const alone = series.length > 1 && side === "centre";
      return {
        x: time,
        y: thinned(one.of.values, step),
        name: athletes.length > 1 ? `${one.label}, ${one.athlete.label}` : one.label,
        mode: "lines",
        line: {
          width: 1.7,
          dash: DASHES[athletes.indexOf(one.athlete) % DASHES.length][side],
          color: alone ? OTHERS[position % OTHERS.length] : sideOnPage(side),
        },
        hovertemplate: `%{y:.${one.digits}f} ${one.unit}<extra></extra>`,
      };
    });
  }

  #span() {
    const { time, rows } = this.motion;
    return [time[0], Math.max(time[rows - 1], time[0] + 1e-3)];
  }

  /** Dotted: automatic; solid: corrected by hand, with the automatic one faint. One trace for each look. */
  #eventLines(series) {
    const lines = new Map();
    const add = (seconds, side, dash, opacity) => {
      const look = `${side} ${dash} ${opacity}`;
      const color = sideOnPage(side === "both" ? "centre" : side);
      if (!lines.has(look)) lines.set(look, { x: [], y: [], opacity, line: { width: 1, dash, color } });
      lines.get(look).x.push(seconds, seconds, null); // null: the next line begins
      lines.get(look).y.push(0, 1, null);
    };
    for (const athlete of new Set(series.map((one) => one.athlete))) {
      for (const { time_s, automatic_s, side } of this.events(athlete)) {
        const isCorrected = time_s !== automatic_s;
        if (time_s !== null) add(time_s, side, isCorrected ? "solid" : "dot", 1);
        if (isCorrected && automatic_s !== null) add(automatic_s, side, "dot", 0.4);
      }
    }
    return [...lines.values()];
  }
}
