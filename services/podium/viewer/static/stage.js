// The video with the canvas over it; without a video, or where it does not play, asks for the file.

import { make } from "podium/elements.js";

export class Stage {
  constructor(motion, strings, cursor) {
    Object.assign(this, { motion, strings, cursor });
    const { width, height } = motion.source;
    this.canvas = make("canvas", { class: "overlay", role: "img", "aria-label": strings.skeletons });
    const file = make("input", {
      type: "file", accept: "video/*",
      change: () => file.files[0] && this.setVideo(URL.createObjectURL(file.files[0])),
    });
    this.missing = make("p", { class: "no-video" }, strings.noVideo, make("label", {}, strings.chooseVideo, file));
    this.frame = make("div", { class: "stage" }, this.canvas);
    this.frame.style.aspectRatio = `${width} / ${height}`;
    this.element = make("section", { "aria-label": motion.source.name }, this.frame, this.missing);
  }

  /** @param isOpenToAll ask the store that the pictures of the page may show its pixels. */
  setVideo(url, isOpenToAll = true) {
    this.frame.querySelector("video")?.remove();
    this.cursor.follow(null);
    this.missing.hidden = Boolean(url);
    if (!url) return;
    const { cursor } = this;
    const video = make("video", { muted: true, playsinline: true, preload: "auto", "aria-label": this.motion.source.name });
    video.muted = true;
    if (isOpenToAll && /^https?:/.test(url)) video.crossOrigin = "anonymous";
    video.addEventListener("error", () => this.setVideo(video.crossOrigin ? url : null, false));
    video.addEventListener("loadeddata", () => cursor.show(cursor.row), { once: true });
    video.src = url;
    this.frame.prepend(video);
    cursor.follow(video);
  }
}
