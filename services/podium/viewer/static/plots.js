// Curves over time, one chart for each group of measures, under one cursor.

import { sideOnPage, isDark } from "podium/colours.js";

const MOST_POINTS = 4000; // of a curve; a chart has fewer columns of pixels
const DASHES = { left: "solid", right: "dash", centre: "solid" };
const OTHERS = ["#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#0072b2", "#d55e00"];

const sideOf = (name) => (/^(left|right)_/.exec(name) ?? [null, "centre"])[1];

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
   * @param plotly plotly.js, or null: then there are no charts.
   */
  constructor(holder, motion, plotly, strings) {
    Object.assign(this, { holder, motion, plotly, strings });
    this.charts = [];
    this.seek = () => {};
  }

  /** The groups that can be shown: title -> measures. */
  groups(athlete) {
    const groups = new Map();
    for (const series of athlete.series) {
      const title = series.plot || series.label;
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
        (this.groups(athlete).get(title) ?? []).map((one) => ({ athlete, ...one })),
      );
      if (series.length) this.#chart(title, series, athletes.length > 1);
    }
  }

  clear() {
    for (const chart of this.charts) this.plotly.purge(chart.element);
    this.charts = [];
    this.holder.replaceChildren();
  }

  /** Move the cursor; this is a line of the page, since plotly would lay the chart out anew. */
  cursor(row) {
    const seconds = this.motion.time[row];
    for (const { element, line } of this.charts) {
      const layout = element._fullLayout;
      if (!layout) continue;
      const [from, to] = layout.xaxis.range;
      const share = (seconds - from) / (to - from);
      const { l, r, t, b } = layout._size;
      line.hidden = !(share >= 0 && share <= 1);
      line.style.transform = `translateX(${l + share * (element.clientWidth - l - r)}px)`;
      line.style.top = `${t}px`;
      line.style.bottom = `${b}px`;
    }
  }

  #chart(title, series, several) {
    const box = document.createElement("figure");
    box.className = "chart";
    const caption = document.createElement("figcaption");
    caption.textContent = title;
    const holder = document.createElement("div");
    holder.className = "chart-holder";
    const element = document.createElement("div");
    const line = document.createElement("div");
    line.className = "cursor-line";
    holder.append(element, line);
    box.append(caption, holder);
    this.holder.append(box);
    const step = Math.max(1, Math.ceil(this.motion.rows / MOST_POINTS));
    const time = thinned(this.motion.time, step);
    const traces = series.map((one, position) => {
      const side = sideOf(one.name);
      const alone = series.length > 1 && side === "centre";
      return {
        x: time,
        y: thinned(one.values, step),
        name: several ? `${one.label}, ${one.athlete.label}` : one.label,
        mode: "lines",
        line: { width: 1.7, dash: DASHES[side], color: alone ? OTHERS[position % OTHERS.length] : sideOnPage(side) },
        hovertemplate: `%{y:.${one.digits}f} ${one.unit}<extra></extra>`,
      };
    });
    this.plotly.newPlot(element, traces, this.#layout(series), {
      displayModeBar: false,
      responsive: true,
    });
    element.on("plotly_click", (event) => this.seek(event.points[0].x));
    element.on("plotly_relayout", () => this.cursor(this.lastRow ?? 0));
    this.charts.push({ element, line });
  }

  #layout(series) {
    const ink = isDark() ? "#d8dde3" : "#1d2530";
    const grid = isDark() ? "#33404f" : "#e4e8ed";
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid };
    return {
      height: 200,
      margin: { l: 52, r: 10, t: 24, b: 36 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 11, color: ink },
      xaxis: { ...axis, title: { text: this.strings.time, standoff: 4 }, range: this.#span() },
      yaxis: { ...axis, title: { text: series[0].unit, standoff: 4 } },
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
      hovermode: "x",
      shapes: this.#events(series),
    };
  }

  #span() {
    const { time, rows } = this.motion;
    return [time[0], Math.max(time[rows - 1], time[0] + 1e-3)];
  }

  #events(series) {
    const seen = new Set(series.map((one) => one.athlete));
    return [...seen].flatMap((athlete) =>
      athlete.events.map((event) => ({
        type: "line",
        xref: "x",
        yref: "paper",
        x0: event.time_s,
        x1: event.time_s,
        y0: 0,
        y1: 1,
        line: { width: 1, dash: "dot", color: sideOnPage(event.side ?? "centre") },
      })),
    );
  }
}
