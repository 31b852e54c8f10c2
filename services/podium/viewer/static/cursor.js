// One cursor for everything that is shown: video, skeleton, plots. It tells its listeners the row.

/**
 * The video leads where there is one: browsers that can tell which frame they show
 * (requestVideoFrameCallback) give its time, others the time of the playback. Without a video the
 * cursor runs by itself. Events: "row" when another row is shown, "state" when playing changes.
 */
export class Cursor extends EventTarget {
  constructor(motion, video) {
    super();
    this.motion = motion;
    this.video = video;
    this.row = 0;
    this.playing = false;
    this.rate = 1;
    this.loop = null; // [first, last] rows
    if (video) this.follow(video);
  }

  /** Show a row. */
  show(row) {
    const last = this.motion.rows - 1;
    this.#set(Math.max(0, Math.min(last, row)));
    if (this.video) this.video.currentTime = this.#seekTime(this.row);
  }

  step(frames) {
    this.pause();
    this.show(this.row + frames);
  }

  toggle() {
    this.playing ? this.pause() : this.play();
  }

  play() {
    if (this.playing || this.motion.rows < 2) return;
    const [first, last] = this.#range();
    if (this.row >= last || this.row < first) this.show(first);
    this.playing = true;
    this.#state();
    if (this.video) this.video.play().catch(() => this.pause());
    else this.#run();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    if (this.video) this.video.pause();
    this.#state();
  }

  setRate(rate) {
    this.rate = rate;
    if (this.video) this.video.playbackRate = rate;
    this.#state();
  }

  setLoop(rows) {
    this.loop = rows;
    if (rows) this.show(rows[0]);
    this.#state();
  }

  #range() {
    return this.loop ?? [0, this.motion.rows - 1];
  }

  /** Where the video must be to show a row: inside the frame, not on the edge between two. */
  #seekTime(row) {
    const { time, rows } = this.motion;
    const next = row + 1 < rows ? time[row + 1] : time[row] + (rows > 1 ? time[1] - time[0] : 0);
    return time[row] + Math.min(0.25 * (next - time[row]), 0.004);
  }

  #set(row) {
    if (row === this.row) return;
    this.row = row;
    this.dispatchEvent(new Event("row"));
  }

  #state() {
    this.dispatchEvent(new Event("state"));
  }

  /** Let this video lead from now on; null: none. */
  follow(video) {
    this.pause();
    this.video = video;
    if (!video) return;
    const shown = (seconds) => {
      if (this.video !== video || video.seeking) return; // a frame from before the seek
      const row = this.motion.rowAt(seconds);
      const [first, last] = this.#range();
      this.#set(row);
      if (this.playing && row >= last) {
        if (this.loop) this.show(first);
        else if (video.ended || row === this.motion.rows - 1) this.pause();
      }
    };
    if ("requestVideoFrameCallback" in HTMLVideoElement.prototype) {
      const next = (_, facts) => {
        shown(facts.mediaTime);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
    } else {
      const next = () => {
        if (this.playing) shown(video.currentTime);
        requestAnimationFrame(next);
      };
      requestAnimationFrame(next);
      video.addEventListener("seeked", () => shown(video.currentTime));
    }
    video.addEventListener("ended", () => (this.loop ? this.show(this.loop[0]) : this.pause()));
    video.addEventListener("pause", () => !video.ended && this.pause());
  }

  #run() {
    let before = performance.now();
    let seconds = this.motion.time[this.row];
    const tick = (now) => {
      if (!this.playing) return;
      seconds += ((now - before) / 1000) * this.rate;
      before = now;
      const [first, last] = this.#range();
      if (seconds >= this.motion.time[last]) {
        this.#set(last);
        if (!this.loop) return this.pause();
        seconds = this.motion.time[first];
      }
      this.#set(this.motion.rowAt(seconds));
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
}
