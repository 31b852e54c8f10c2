// One chart of plotly.js with a cursor: a line of the page, since plotly would lay the chart out anew.

import { isDark } from "podium/colours.js";
import { make } from "podium/elements.js";

export class Chart {
  #at = 0;
  #isDrawn = false;

  /**
   * It is drawn once it is near what is seen of the page, and again when its width changes.
   * @param holder element that the chart is put into.
   * @param content {title, unit, xTitle, range, traces: function, lines: traces from 0 to 1, all over the chart}.
   * @param seek function that is told where somebody has clicked.
   */
  constructor(holder, plotly, { title, ...content }, seek) {
    Object.assign(this, { plotly, content, seek });
    this.element = make("div", { class: "plot" });
    this.line = make("div", { class: "cursor-line", hidden: true });
    const frame = make("div", { class: "chart-holder" }, this.element, this.line);
    holder.append(make("figure", { class: "chart" }, make("figcaption", {}, title), frame));
    this.near = new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.#draw(), { rootMargin: "100%" });
    this.near.observe(frame);
    this.size = new ResizeObserver(() => this.#isDrawn && this.#resize());
    this.size.observe(frame);
  }

  /** Move the cursor to a place of the x axis. */
  cursor(at) {
    this.#at = at;
    const layout = this.element._fullLayout;
    if (!layout) return;
    const [from, to] = layout.xaxis.range;
    const share = (at - from) / (to - from);
    const { l, t, b, w } = layout._size;
    this.line.hidden = !(share >= 0 && share <= 1);
    this.line.style.transform = `translateX(${l + share * w}px)`;
    if (this.bottom === b) return;
    this.bottom = b;
    this.line.style.top = `${t}px`;
    this.line.style.bottom = `${b}px`;
  }

  /** Show other upright lines. */
  setLines(lines) {
    this.content.lines = lines;
    if (this.#isDrawn) this.plotly.react(this.element, this.#traces(), this.layout);
  }

  remove() {
    this.near.disconnect();
    this.size.disconnect();
    if (this.#isDrawn) this.plotly.purge(this.element);
  }

  #draw() {
    this.near.disconnect();
    this.#isDrawn = true;
    const { unit, xTitle, range } = this.content;
    const ink = isDark() ? "#d8dde3" : "#1d2530";
    const grid = isDark() ? "#33404f" : "#e4e8ed";
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid };
    this.layout = {
      margin: { l: 52, r: 10, t: 24, b: 36 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 11, color: ink },
      xaxis: { ...axis, title: { text: xTitle, standoff: 4 }, range },
      yaxis: { ...axis, title: { text: unit, standoff: 4 } },
      yaxis2: { overlaying: "y", range: [0, 1], fixedrange: true, visible: false },
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
      hovermode: "x",
    };
    this.plotly.newPlot(this.element, this.#traces(), this.layout, { displayModeBar: false });
    this.element.on("plotly_click", (event) => this.seek(event.points[0].x));
    this.element.on("plotly_afterplot", () => this.cursor(this.#at));
    this.cursor(this.#at);
  }

  #traces() {
    const { traces, lines = [] } = this.content;
    return [...traces(), ...lines.map((each) => ({ ...each, yaxis: "y2", mode: "lines", hoverinfo: "skip", showlegend: false }))];
  }

  /** Plotly measures the element only when it is told to. */
  #resize() {
    if (Math.abs(this.element.clientWidth - this.element._fullLayout.width) >= 1) this.plotly.Plots.resize(this.element);
  }
}
