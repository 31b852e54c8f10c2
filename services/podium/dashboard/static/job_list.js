// The jobs, the newest first; those that are open are followed as they go on.

import { call, events } from "./api.js";
import { count, element, seconds } from "./elements.js";
import { JobRow } from "./job_row.js";

const EVERY_MS = 3000;
const STREAMS = 2;  // browsers open six connections to a host; uploads need some
const SHOWN = 50;

export class JobList {
  #rows = new Map();
  #streams = new Map();
  #list = element("div", { class: "jobs" });
  #none = element("p", { class: "soft", hidden: true }, "No jobs yet. The first one begins with a video.");
  #queue = element("p", { class: "soft", id: "queue" });
  #problem = element("p", { class: "problem", role: "alert" });
  #more = element("button", { type: "button", hidden: true, onclick: () => this.#older() }, "Older jobs");
  #cursor = null;
  #left;
  #timer;

  /** `left` is called when the key is not taken any more. */
  constructor(left) {
    this.#left = left;
    this.node = element(
      "section", { "aria-labelledby": "jobs" },
      element("h2", { id: "jobs" }, "Jobs"), this.#queue, this.#problem, this.#none, this.#list, this.#more,
    );
    this.refresh();
  }

  stop() {
    clearTimeout(this.#timer);
    this.#timer = null;
    this.#left = () => {};
    for (const stream of this.#streams.values()) stream.abort();
  }

  /** A job that was just made: shown open. */
  add(job) {
    const row = this.#row(job);
    row.node.open = true;
    this.refresh();
  }

  async refresh() {
    clearTimeout(this.#timer);
    try {
      const [page, queue] = await Promise.all([
        call("GET", `/v1/jobs?limit=${SHOWN}`), call("GET", "/v1/queue"),
      ]);
      this.#problem.textContent = "";
      if (!this.#rows.size) this.#goesOn(page);
      for (const job of page.items.toReversed()) this.#row(job).show(job);
      this.#none.hidden = this.#rows.size > 0;
      this.#queue.textContent = inWords(queue);
      for (const row of this.#rows.values()) if (row.isOpen) this.#follow(row);
    } catch (error) {
      if (error.status === 401) return this.#left("This key is not taken any more.");
      this.#problem.textContent = error.message;
    }
    if (this.#timer !== null) this.#timer = setTimeout(() => this.refresh(), EVERY_MS);
    return undefined;
  }

  async #older() {
    try {
      const page = await call("GET", `/v1/jobs?limit=${SHOWN}&cursor=${encodeURIComponent(this.#cursor)}`);
      for (const job of page.items) this.#list.append(this.#row(job).node);
      this.#goesOn(page);
    } catch (error) {
      this.#problem.textContent = error.message;
    }
  }

  #goesOn(page) {
    this.#cursor = page.next_cursor;
    this.#more.hidden = page.next_cursor === null;
  }

  #row(job) {
    let row = this.#rows.get(job.id);
    if (!row) {
      row = new JobRow(job, {
        opened: () => this.#follow(row),
        removed: () => {
          this.#rows.delete(job.id);
          row.node.remove();
          this.#none.hidden = this.#rows.size > 0;
        },
      });
      this.#rows.set(job.id, row);
      this.#list.prepend(row.node);
    }
    return row;
  }

  /** Look at a job at each of its events; the list looks every three seconds anyway. */
  async #follow(row) {
    if (row.hasEnded || this.#streams.has(row.id) || this.#streams.size >= STREAMS) return;
    const stop = new AbortController();
    this.#streams.set(row.id, stop);
    let asked = false;
    const look = async () => {
      if (asked) return;
      asked = true;
      await new Promise((done) => setTimeout(done, 200));
      asked = false;
      try {
        row.show(await call("GET", `/v1/jobs/${row.id}`));
      } catch { /* the list says what is wrong */ }
    };
    const came = await events(row.id, look, stop.signal);
    if (came) this.#streams.delete(row.id);  // else it keeps its place, and is not tried again
  }
}

function inWords(queue) {
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0);
  const jobs = sum(queue.jobs);
  if (!jobs) return "Nothing waits.";
  const [atWork, waiting] = [sum(queue.at_work), sum(queue.waiting)];
  const oldest = Math.max(0, ...Object.values(queue.oldest_s));
  const since = waiting && oldest >= 5 ? `, the oldest for ${seconds(oldest)}` : "";
  const batches = atWork + waiting
    ? `: ${count(atWork, "frame batch")} at work, ${waiting} waiting${since}` : "";
  return `${count(jobs, "job")} under way${batches}.`;
}
