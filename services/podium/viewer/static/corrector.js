// The panel in which people correct: key points, events, which athlete; undo, and measuring anew.

import { button, choice, make, saveAs } from "podium/elements.js";
import { Handles } from "podium/handles.js";

const KINDS = [["contact", "left"], ["contact", "right"], ["toe_off", "left"], ["toe_off", "right"], ["take_off", "both"], ["landing", "both"]];

export class Corrector {
  /**
   * @param viewer {motion, strings, corrections, cursor, canvas, athletes(), redraw()}.
   * @param measure function that has the corrections measured, or null: there is only the file.
   */
  constructor(viewer, measure) {
    Object.assign(this, { viewer, measure, strings: viewer.strings, corrections: viewer.corrections });
    this.handles = new Handles(viewer.canvas, {
      corrections: this.corrections,
      row: () => viewer.cursor.row,
      athletes: () => viewer.athletes(),
      redraw: () => viewer.redraw(),
    });
    this.handles.onChosen = () => this.#pointShow();
    this.element = this.#build();
    this.corrections.addEventListener("change", () => this.show());
    this.show();
  }

  get isOpen() {
    return this.element.open;
  }

  toggle() {
    this.element.open = !this.element.open;
  }

  /** @returns whether the key was one of the panel. */
  key(event) {
    if (!this.isOpen || !(event.ctrlKey || event.metaKey) || event.altKey) return false;
    const key = event.key.toLowerCase();
    if (key === "z" && !event.shiftKey) this.corrections.undo();
    else if (key === "y" || key === "z") this.corrections.redo();
    else return false;
    return true;
  }

  /** Whoever is looked at, or what is corrected, has changed. */
  show() {
    const { corrections, strings } = this;
    const count = corrections.count();
    this.title.textContent = count ? `${strings.correct} (${count})` : strings.correct;
    this.undoButton.disabled = !corrections.canUndo;
    this.redoButton.disabled = !corrections.canRedo;
    if (this.measureButton) this.measureButton.disabled = !corrections.isChanged;
    this.status.textContent = corrections.isChanged ? strings.notMeasured : "";
    this.status.className = "note";
    if (this.isOpen) this.#showTables(); // a long clip has thousands of events
  }

  #showTables() {
    const { corrections, strings } = this;
    const athletes = this.viewer.athletes();
    const chosen = this.handles.chosen;
    this.points.replaceChildren(
      make("option", { value: "" }, "–"),
      ...athletes.flatMap((athlete, at) =>
        this.viewer.motion.skeleton.joints.map((name, joint) =>
          make("option", { value: `${at} ${joint}` }, `${name.replaceAll("_", " ")}${athletes.length > 1 ? `, ${athlete.label}` : ""}`),
        ),
      ),
    );
    if (chosen && !athletes.includes(chosen.athlete)) this.handles.choose(null, -1);
    this.#pointShow();
    this.events.replaceChildren(...athletes.map((athlete) => this.#events(athlete)));
  }

  #build() {
    const { strings, corrections } = this;
    this.title = make("summary");
    this.points = choice(strings.keyPoint, [], (value) => {
      const [at, joint] = value.split(" ").map(Number);
      this.handles.choose(value === "" ? null : this.viewer.athletes()[at], joint);
    });
    this.restoreButton = button(strings.automatic, () => this.handles.restore());
    this.undoButton = button(strings.undo, () => corrections.undo(), { title: "Ctrl+Z" });
    this.redoButton = button(strings.redo, () => corrections.redo(), { title: "Ctrl+Y" });
    this.measureButton = this.measure && button(strings.measureAgain, () => this.#measure(), { class: "first" });
    this.status = make("output", { class: "note" });
    this.events = make("div", { class: "event-tables" });
    const file = button(strings.saveCorrections, () =>
      saveAs(new Blob([JSON.stringify(corrections, null, 1)], { type: "application/json" }), "corrections.json"),
    );
    const open = () => {
      if (this.isOpen) {
        this.viewer.cursor.pause();
        this.#showTables();
      }
      this.handles.setActive(this.isOpen);
    };
    return make(
      "details",
      { class: "corrector", toggle: open },
      this.title,
      make("p", { class: "note" }, strings.correctHelp),
      make("div", { class: "row" }, make("label", {}, strings.keyPoint, " ", this.points), this.restoreButton, ...this.#whom()),
      this.events,
      make("div", { class: "row" }, this.undoButton, this.redoButton, ...(this.measureButton ? [this.measureButton] : []), file, this.status),
      make("p", { class: "note" }, this.measure ? strings.provenance : strings.provenanceFile),
    );
  }

  /** The choice of another athlete, where there are others. */
  #whom() {
    const { motion } = this.viewer;
    const { strings, corrections } = this;
    if (!motion.others.length && !motion.corrections.athletes) return [];
    const people = [...motion.athletes, ...motion.others].sort((a, b) => a.person - b.person);
    const select = choice(
      strings.analyse,
      [["", strings.byRule], ...people.map(({ person }) => [person, `${strings.person} ${person}`])],
      (value) => corrections.chooseAthletes(value === "" ? null : [Number(value)]),
    );
    const show = () => (select.value = corrections.document.athletes?.[0] ?? "");
    corrections.addEventListener("change", show);
    show();
    return [make("label", {}, strings.analyse, " ", select)];
  }

  #pointShow() {
    const { chosen } = this.handles;
    const at = chosen ? this.viewer.athletes().indexOf(chosen.athlete) : -1;
    this.points.value = at < 0 ? "" : `${at} ${chosen.joint}`;
    this.restoreButton.disabled = !chosen;
  }

  #events(athlete) {
    const { strings, corrections, viewer } = this;
    const now = () => viewer.motion.time[viewer.cursor.row];
    const events = corrections.events(athlete);
    const body = make("tbody");
    for (const event of events) {
      const { time_s, automatic_s } = event;
      const name = `${strings[event.event]}${strings[event.side] ? `, ${strings[event.side]}` : ""}`;
      const removed = time_s === null;
      const source = automatic_s === null ? strings.added : removed ? strings.removed : time_s === automatic_s ? strings.automatic : `${strings.moved} ${automatic_s.toFixed(3)} s`;
      const act = (text, to) => button(text, () => corrections.moveEvent(athlete.person, event, to()), { "aria-label": `${text}: ${name}, ${(time_s ?? automatic_s).toFixed(3)} s` });
      const go = button(`${(time_s ?? automatic_s).toFixed(3)} s`, () => viewer.cursor.show(viewer.motion.rowAt(time_s ?? automatic_s)), { "aria-label": `${strings.goTo}: ${name}, ${(time_s ?? automatic_s).toFixed(3)} s` });
      body.append(
        make(
          "tr",
          { class: removed ? "removed" : time_s === automatic_s ? "" : "corrected" },
          make("th", { scope: "row" }, name),
          make("td", {}, go),
          make("td", {}, source),
          make("td", {}, removed || automatic_s === null ? "" : act(strings.here, now), " ", removed || (automatic_s !== null && time_s !== automatic_s) ? act(strings.automatic, () => automatic_s) : act(strings.remove, () => null)),
        ),
      );
    }
    const kind = choice(strings.event, KINDS.map(([event, side], at) => [at, `${strings[event]}${strings[side] ? `, ${strings[side]}` : ""}`]), () => {});
    const add = button(strings.addHere, () => corrections.addEvent(athlete.person, ...KINDS[kind.value], now()));
    return make(
      "div",
      {},
      ...(viewer.motion.athletes.length > 1 ? [make("h3", {}, athlete.label)] : []),
      ...(events.length ? [make("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": strings.events }, make("table", {}, body))] : [make("p", { class: "note" }, strings.noEvents)]),
      make("div", { class: "row" }, kind, add),
    );
  }

  async #measure() {
    this.measureButton.disabled = true;
    this.status.textContent = this.strings.measuring;
    try {
      await this.measure(this.corrections);
    } catch (error) {
      this.status.textContent = error.message;
      this.status.className = "note wrong";
      this.measureButton.disabled = false;
    }
  }
}
