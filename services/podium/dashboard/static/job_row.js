// One job: a line that opens to its videos, what is wrong with them, and their results.

import { call, here, list } from "./api.js";
import { bar, bytes, count, element, moment, move, say, seconds } from "./elements.js";
import { look, share } from "./viewer_link.js";
import { FILES, STATES, canRetry, hasEnded } from "./words.js";

export class JobRow {
  #job;
  #seen = "";
  #body = element("div", { class: "job-body" });
  #status = element("span", { class: "state" });
  #note = element("span", { class: "soft note" });
  #bar;

  constructor(job, { opened, removed }) {
    this.#job = job;
    this.removed = removed;
    this.#bar = bar(`Job ${job.id}`, 0);
    this.node = element(
      "details", { class: "job", ontoggle: () => { if (this.node.open) { this.#fill(); opened(); } } },
      element(
        "summary", {},
        element("span", { class: "job-name" }, job.job_name),
        element("span", { class: "soft when" }, `job ${job.id}, ${moment(job.created_at)}`),
        this.#status, this.#bar, this.#note,
      ),
      this.#body,
    );
    this.show(job);
  }

  get id() { return this.#job.id; }
  get isOpen() { return this.node.open; }
  get hasEnded() { return hasEnded(this.#job.job_status); }

  /** What was heard of it. */
  show(job) {
    const before = this.#job.job_status;
    this.#job = job;
    this.#status.textContent = STATES[job.job_status];
    this.#status.dataset.state = job.job_status;
    move(this.#bar, job.progress.percent);
    this.#bar.hidden = this.hasEnded;
    this.#note.textContent = this.#inWords();
    if (before !== job.job_status && this.hasEnded) {
      say(`${job.job_name}: ${STATES[job.job_status]}`);
    }
    if (this.node.open) this.#fill();
  }

  #inWords() {
    const { progress, error } = this.#job;
    if (error) return error.message;
    if (this.hasEnded) return "";
    if (progress.queue_position) return `${count(progress.queue_position, "frame batch")} before it`;
    if (progress.eta_s != null) return `${Math.round(progress.percent)} %, about ${seconds(progress.eta_s)} left`;
    return "";
  }

  async #fill() {
    const job = this.#job;
    const seen = `${job.job_status} ${job.version} ${job.progress.percent}`;
    if (seen === this.#seen) return;
    this.#seen = seen;
    try {
      const videos = await list(`/v1/videos?job_id=${job.id}`);
      const results = this.hasEnded && !job.data_deleted_at
        ? await call("GET", `/v1/jobs/${job.id}/results`) : null;
      if (seen !== this.#seen) return;  // it has gone on meanwhile
      const files = new Map((results?.videos ?? []).map((each) => [each.video_id, each.files]));
      const hadFocus = this.#body.contains(document.activeElement);
      this.#body.replaceChildren(
        ...(job.data_deleted_at ? [element("p", { class: "soft" }, "Its videos and results are deleted.")] : []),
        element("ul", { class: "videos" }, videos.map((video) => this.#video(video, files.get(video.id) ?? []))),
        ...this.#others(results),
        this.#actions(),
      );
      if (hadFocus) this.#body.querySelector("button, a")?.focus();
    } catch (error) {
      this.#seen = "";
      this.#body.replaceChildren(element("p", { class: "problem" }, error.message));
    }
  }

  #video(video, files) {
    const known = Object.keys(FILES);
    const shown = files
      .filter((file) => file.name in FILES)
      .sort((a, b) => known.indexOf(a.name) - known.indexOf(b.name));
    const more = files.filter((file) => !(file.name in FILES));
    return element(
      "li", {},
      element(
        "p", { class: "video" },
        element("strong", {}, video.video_name), " ",
        element("span", { class: "state", "data-state": video.video_status }, STATES[video.video_status]),
        hasEnded(video.video_status) ? null : bar(video.video_name, video.video_progress_percentage),
      ),
      video.error ? element("p", { class: "problem" }, video.error.message) : null,
      video.warnings.map((warning) => element("p", { class: "soft" }, warning)),
      files.some((file) => file.name === "motion.json")
        ? element(
          "div", { class: "look" },
          element("button", { type: "button", class: "main", onclick: () => look(video) }, "Look at it"),
          element("button", { type: "button", onclick: (event) => share(video, event.target) }, "Share"),
        )
        : null,
      shown.length ? element("ul", { class: "files" }, shown.map((file) => link(file, FILES[file.name]))) : null,
      more.length
        ? element(
          "details", { class: "more" }, element("summary", {}, count(more.length, "more file")),
          element("ul", { class: "files" }, more.map((file) => link(file))),
        )
        : null,
    );
  }

  #others(results) {
    const files = [...(results?.other_files ?? []), ...(results?.manifest ? [results.manifest] : [])];
    if (!files.length) return [];
    return [
      element("h3", {}, "Beside the videos"),
      element("ul", { class: "files" }, files.map((file) => link(file))),
    ];
  }

  #actions() {
    const act = (name, method, path, then) => element(
      "button", {
        type: "button",
        onclick: async (event) => {
          event.target.disabled = true;
          try {
            then(await call(method, `/v1/jobs/${this.id}${path}`));
          } catch (error) {
            this.#body.append(element("p", { class: "problem", role: "alert" }, error.message));
          }
        },
      }, name,
    );
    const show = (job) => this.show(job);
    const state = this.#job.job_status;
    const ask = element("button", { type: "button", onclick: () => { ask.replaceWith(sure); sure.focus(); } }, "Delete");
    const sure = act("Delete it with all its results", "DELETE", "", () => this.removed(this));
    sure.classList.add("danger");
    return element(
      "p", { class: "actions" },
      this.hasEnded || state === "canceling" ? null : act("Stop", "POST", "/cancel", show),
      canRetry(this.#job) ? act("Try again what failed", "POST", "/retry", show) : null,
      this.hasEnded ? ask : null,
    );
  }
}

function link(file, about = "") {
  return element(
    "li", {}, element("a", { href: here(file.url), download: file.name }, about || file.name), " ",
    element("span", { class: "soft" }, `${about ? `${file.name}, ` : ""}${bytes(file.size_bytes)}`),
  );
}
