// A still picture and a clip of what is seen: the video with the skeletons, and the skeleton in space.

import { saveAs } from "podium/elements.js";

const KINDS = ["video/webm;codecs=vp8", "video/webm", "video/mp4"];
const PART_MS = 100; // how often there is a part of the clip
const LAST_FRAME_MS = 300; // until the last picture is in the clip
const LONGEST_SIDE = 1920;
const BITS_PER_S = 8e6;
const GROUND = "#14202e";

export class Pictures {
  /** @param viewer {cursor, canvas, video(), spaceCanvas or null, motion}. */
  constructor(viewer) {
    this.viewer = viewer;
    this.recording = null;
  }

  get canRecord() {
    return "MediaRecorder" in window && "captureStream" in HTMLCanvasElement.prototype;
  }

  /** Save what is seen as PNG. */
  async still() {
    const canvas = this.#canvas();
    this.#compose(canvas);
    const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
    saveAs(blob, `${this.#name()}-${this.viewer.cursor.row}.png`);
  }

  /** Save the part that is repeated, or the whole clip, at the chosen speed; once more: stop there. */
  clip() {
    if (this.recording) return this.recording.stop();
    const { cursor } = this.viewer;
    const type = KINDS.find((kind) => MediaRecorder.isTypeSupported(kind));
    const canvas = this.#canvas();
    this.#compose(canvas);
    const recorder = new MediaRecorder(canvas.captureStream(), { mimeType: type, videoBitsPerSecond: BITS_PER_S });
    const parts = [];
    const waiting = setInterval(() => this.#compose(canvas), PART_MS); // for the encoder to begin
    recorder.addEventListener("dataavailable", ({ data }) => {
      if (data.size) parts.push(data);
      if (parts.length !== 1 || recorder.state !== "recording" || cursor.playing) return;
      clearInterval(waiting);
      cursor.play();
      for (const name of ["row", "state"]) cursor.addEventListener(name, watch);
    });
    const [first, last] = cursor.loop ?? [0, this.viewer.motion.rows - 1];
    let before = first;
    const watch = () => {
      const isOver = cursor.row < before || cursor.row >= last || !cursor.playing;
      before = cursor.row;
      if (!isOver) return;
      for (const name of ["row", "state"]) cursor.removeEventListener(name, watch);
      cursor.pause();
      setTimeout(() => recorder.state === "recording" && recorder.stop(), LAST_FRAME_MS);
    };
    recorder.addEventListener("stop", () => {
      for (const name of ["row", "state"]) cursor.removeEventListener(name, watch);
      clearInterval(waiting);
      this.recording = this.target = null;
      cursor.pause();
      saveAs(new Blob(parts, { type }), `${this.#name()}.${type.startsWith("video/mp4") ? "mp4" : "webm"}`);
    });
    cursor.pause();
    cursor.show(first);
    this.target = canvas;
    this.recording = recorder;
    recorder.start(PART_MS);
  }

  /** To be called after each drawing. */
  drawn() {
    if (this.target) this.#compose(this.target);
  }

  #name() {
    return this.viewer.motion.source.name.replace(/\.[^.]*$/, "").replace(/[^\p{L}\p{N}_-]+/gu, "-") || "clip";
  }

  #canvas() {
    const { width, height } = this.viewer.motion.source;
    const scale = Math.min(1, LONGEST_SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.height = 2 * Math.round((height * scale) / 2); // encoders want even sizes
    this.split = 2 * Math.round((width * scale) / 2);
    const space = this.viewer.spaceCanvas;
    const beside = space?.width ? (canvas.height * space.width) / space.height : 0;
    canvas.width = this.split + 2 * Math.round(Math.min(beside, this.split) / 2);
    return canvas;
  }

  #compose(canvas) {
    const { viewer, split } = this;
    const context = canvas.getContext("2d");
    context.fillStyle = GROUND;
    context.fillRect(0, 0, split, canvas.height);
    const video = viewer.video();
    if (video?.readyState >= 2) context.drawImage(video, 0, 0, split, canvas.height);
    context.drawImage(viewer.canvas, 0, 0, split, canvas.height);
    const space = viewer.spaceCanvas;
    if (canvas.width === split || !space?.width) return;
    const [width, height] = [canvas.width - split, canvas.height];
    context.fillStyle = getComputedStyle(space).backgroundColor;
    context.fillRect(split, 0, width, height);
    const scale = Math.min(width / space.width, height / space.height);
    const [w, h] = [space.width * scale, space.height * scale];
    context.drawImage(space, split + (width - w) / 2, (height - h) / 2, w, h);
  }
}
