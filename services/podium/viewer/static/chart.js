// One chart of plotly.js with a cursor: a line of the page, since plotly would lay the chart out anew.

import { isDark } from "podium/colours.js";
import { make } from "podium/elements.js";

export class Chart {
  #at = 0;

  /**
   * @param holder element that the chart is put into.
   * @param content {title, unit, xTitle, range, traces, shapes}.
   * @param seek function that is told where somebody has clicked.
   */
  constructor(holder, plotly, { title, unit, xTitle, range, traces, shapes = [] }, seek) {
    this.plotly = plotly;
    this.element = make("div");
    this.line = make("div", { class: "cursor-line" });
    const frame = make("div", { class: "chart-holder" }, this.element, this.line);
    holder.append(make("figure", { class: "chart" }, make("figcaption", {}, title), frame));
    const ink = isDark() ? "#d8dde3" : "#1d2530";
    const grid = isDark() ? "#33404f" : "#e4e8ed";
    const axis = { gridcolor: grid, zerolinecolor: grid, linecolor: grid };
    const layout = {
      height: 200,
      margin: { l: 52, r: 10, t: 24, b: 36 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: "system-ui, sans-serif", size: 11, color: ink },
      xaxis: { ...axis, title: { text: xTitle, standoff: 4 }, range },
      yaxis: { ...axis, title: { text: unit, standoff: 4 } },
      legend: { orientation: "h", x: 1, xanchor: "right", y: 1.02, yanchor: "bottom" },
      hovermode: "x",
      shapes,
    };
    plotly.newPlot(this.element, traces, layout, { displayModeBar: false, responsive: true });
    this.element.on("plotly_click", (event) => seek(event.points[0].x));
    this.element.on("plotly_relayout", () => this.cursor(this.#at));
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

  setShapes(shapes) {
    this.plotly.relayout(this.element, { shapes });
  }

  remove() {
    this.plotly.purge(this.element);
  }
}
