// A video or a ZIP: dropped or chosen, uploaded, and made a job.

import { call, list, onlyKey } from "./api.js";
import { bar, bytes, element, say } from "./elements.js";
import { upload } from "./uploads.js";

/** The place to drop videos; `made` is told of a new job. */
export async function submitCard(made) {
  const pipelines = await list("/v1/pipelines");
  pipelines.sort((a, b) => (b.pipeline_name === "pose-3d") - (a.pipeline_name === "pose-3d"));
  const about = element("span", { id: "pipeline-hint", class: "soft" });
  const pipeline = element(
    "select", { id: "pipeline", "aria-describedby": "pipeline-hint", onchange: describe },
    pipelines.map((each) => element("option", { value: each.id }, each.pipeline_name)),
  );
  describe();

  function describe() {
    about.textContent = pipelines[pipeline.selectedIndex]?.pipeline_description ?? "";
  }

  const height = element("input", {
    id: "height", type: "number", min: 0.3, max: 3, step: 0.01, inputmode: "decimal",
    placeholder: "1.80", "aria-describedby": "height-hint",
  });
  const choose = element("input", {
    id: "files", type: "file", multiple: true, class: "unseen",
    accept: "video/*,.mp4,.mov,.avi,.mkv,.webm,.mts,.zip,application/zip",
    onchange: () => {
      [...choose.files].forEach(begin);
      choose.value = "";
    },
  });
  const sending = element("ul", { class: "sending", "aria-label": "Uploads" });
  const drop = element(
    "div",
    { class: "drop", ondragover: over, ondragleave: leave, ondrop: dropped },
    choose,
    element("label", { for: "files", class: "button main" }, "Choose videos"),
    element("p", {}, "or drop a video here, or a ZIP of videos"),
  );

  function over(event) {
    event.preventDefault();
    drop.classList.add("over");
  }

  function leave() {
    drop.classList.remove("over");
  }

  function dropped(event) {
    event.preventDefault();
    leave();
    [...event.dataTransfer.files].forEach(begin);
  }

  function begin(file) {
    const progress = bar(`Upload of ${file.name}`, 0);
    const note = element("span", { class: "soft" }, "begins");
    const stop = new AbortController();
    const once = { "idempotency-key": onlyKey() };
    const again = element("button", { type: "button", hidden: true, onclick: run }, "Try again");
    const end = element("button", { type: "button", onclick: drop }, "Stop");
    const row = element(
      "li", {}, element("strong", {}, file.name), progress, note,
      element("span", { class: "actions" }, again, end),
    );
    sending.append(row);
    run();

    function drop() {
      stop.abort();
      row.remove();
    }

    async function run() {
      again.hidden = true;
      note.className = "soft";
      try {
        if (!file.size) throw new Error("The file is empty.");
        const wanted = { pipeline_id: Number(pipeline.value), job_parameters: parameters() };
        const sent = await upload(
          file,
          (count, total) => {
            progress.value = (100 * Math.min(count, total)) / total;
            note.textContent = `${bytes(Math.min(count, total))} of ${bytes(total)}`;
          },
          stop.signal,
        );
        const job = await call(
          "POST", "/v1/jobs", { ...wanted, input: { upload_id: sent.id } }, once,
        );
        sent.done();
        row.remove();
        say(`${file.name} is uploaded: job ${job.id}`);
        made(job);
      } catch (error) {
        if (stop.signal.aborted) return;
        note.className = "problem";
        note.textContent = error.message;
        again.hidden = false;
        say(`${file.name}: ${error.message}`);
      }
    }
  }

  function parameters() {
    return height.value ? { postprocess: { athlete_height_m: Number(height.value) } } : {};
  }

  return element(
    "section", { class: "card", "aria-labelledby": "new" },
    element("h2", { id: "new" }, "New job"),
    element(
      "div", { class: "options" },
      element("p", {}, element("label", { for: "pipeline" }, "Pipeline"), pipeline, about),
      element(
        "p", {},
        element("label", { for: "height" }, "Height of the athlete in metres"), height,
        element("span", { id: "height-hint", class: "soft" }, "Not needed; gives speeds in m/s."),
      ),
    ),
    drop,
    sending,
  );
}
