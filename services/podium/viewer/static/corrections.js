// Corrections by hand beside the automatic values: the content of corrections.json, with undo.

const NEAR_S = 1e-6;
const empty = () => ({ athletes: null, persons: [] });
const copy = (document) => JSON.parse(JSON.stringify(document));
const same = (one, other) => one.event === other.event && one.side === other.side;

/** Fires "change" after each change; the events and key points of the motion are then those shown. */
export class Corrections extends EventTarget {
  #past = [];
  #future = [];
  #automatic = new Map(); // of every key point that is or was corrected

  /** @param before the corrections of the page before the motion was measured anew, for undo. */
  constructor(motion, before = null) {
    super();
    this.motion = motion;
    this.applied = { ...empty(), ...copy(motion.corrections) };
    this.document = copy(this.applied);
    if (before) [this.#past, this.#future] = [before.#past, before.#future];
    for (const { person, keypoints } of this.applied.persons) {
      for (const point of keypoints ?? []) this.#remember(person, point.frame, point.keypoint, point.automatic_px);
    }
  }

  get isChanged() {
    return JSON.stringify(this.document) !== JSON.stringify(this.applied);
  }

  get canUndo() {
    return this.#past.length > 0;
  }

  get canRedo() {
    return this.#future.length > 0;
  }

  /** What is stored as corrections.json; persons without corrections are left out. */
  toJSON() {
    const persons = this.document.persons.filter((one) => one.events.length || one.keypoints.length);
    return { athletes: this.document.athletes, persons };
  }

  undo() {
    this.#travel(this.#past, this.#future);
  }

  redo() {
    this.#travel(this.#future, this.#past);
  }

  /** The events of an athlete by time: {event, side, time_s, automatic_s}; a removed one has no time. */
  events(athlete) {
    const before = this.#of(this.applied, athlete.person).events;
    const now = [...this.#of(this.document, athlete.person).events];
    const found = athlete.events.map(({ name, side, time_s }) => ({ event: name, side: side ?? "both", time_s }));
    const isCorrected = (one) =>
      before.some((each) => same(each, one) && Math.abs(each.corrected_s - one.time_s) < NEAR_S && each.corrected_s !== null);
    const automatic = [
      ...found.filter((one) => !isCorrected(one)),
      ...before.filter((each) => each.time_s !== null),
    ].map(({ event, side, time_s }) => ({ event, side, automatic_s: time_s, time_s }));
    for (const one of automatic) {
      const at = now.findIndex((each) => same(each, one) && each.time_s === one.automatic_s);
      if (at >= 0) [one.time_s] = now.splice(at, 1).map((each) => each.corrected_s);
    }
    const added = now
      .filter((each) => each.time_s === null)
      .map(({ event, side, corrected_s }) => ({ event, side, automatic_s: null, time_s: corrected_s }));
    return [...automatic, ...added].sort((a, b) => (a.time_s ?? a.automatic_s) - (b.time_s ?? b.automatic_s));
  }

  /** Give an event of ``events`` another time; null: there is none. */
  moveEvent(person, { event, side, time_s, automatic_s }, seconds) {
    this.#change(person, ({ events }) => {
      const at = events.findIndex(
        (each) => same(each, { event, side }) && each.time_s === automatic_s && (automatic_s !== null || each.corrected_s === time_s),
      );
      if (at >= 0) events.splice(at, 1);
      if (seconds !== automatic_s) events.push({ event, side, time_s: automatic_s, corrected_s: seconds });
    });
  }

  addEvent(person, event, side, seconds) {
    this.moveEvent(person, { event, side, time_s: seconds, automatic_s: null }, seconds);
  }

  /** Put a key point elsewhere; null: where it was. */
  movePoint(athlete, row, joint, pixel) {
    const frame = this.motion.index[row];
    const keypoint = this.motion.skeleton.joints[joint];
    const automatic = this.automatic(athlete, row, joint);
    this.#change(athlete.person, ({ keypoints }) => {
      const at = keypoints.findIndex((each) => each.frame === frame && each.keypoint === keypoint);
      if (at >= 0) keypoints.splice(at, 1);
      if (pixel) keypoints.push({ frame, keypoint, automatic_px: automatic, corrected_px: pixel.map((v) => Math.round(v * 100) / 100) });
    });
  }

  /** Where the model saw a key point; to be asked before the point is dragged. */
  automatic(athlete, row, joint) {
    const keypoint = this.motion.skeleton.joints[joint];
    return this.#remember(athlete.person, this.motion.index[row], keypoint, athlete.point(row, joint));
  }

  /** The corrected key points on a row: {joint, automatic_px, corrected_px}. */
  points(athlete, row) {
    const { joints } = this.motion.skeleton;
    return this.#of(this.document, athlete.person)
      .keypoints.filter((each) => each.frame === this.motion.index[row])
      .map((each) => ({ ...each, joint: joints.indexOf(each.keypoint) }));
  }

  /** Analyse these persons; null: those of the options of the run. */
  chooseAthletes(persons) {
    this.#change(null, (document) => (document.athletes = persons));
  }

  count() {
    const { athletes, persons } = this.toJSON();
    return persons.reduce((sum, one) => sum + one.events.length + one.keypoints.length, athletes ? 1 : 0);
  }

  #of(document, person) {
    const { events = [], keypoints = [] } = document.persons.find((each) => each.person === person) ?? {};
    return { events, keypoints };
  }

  #change(person, act) {
    this.#past.push(copy(this.document));
    this.#future.length = 0;
    let part = this.document;
    if (person !== null) {
      part = this.document.persons.find((each) => each.person === person);
      if (!part) this.document.persons.push((part = { person, events: [], keypoints: [] }));
      part.events ??= [];
      part.keypoints ??= [];
    }
    act(part);
    this.#show();
  }

  #travel(from, to) {
    if (!from.length) return;
    to.push(copy(this.document));
    this.document = from.pop();
    this.#show();
  }

  #remember(person, frame, keypoint, pixel) {
    const key = JSON.stringify([person, frame, keypoint]);
    if (!this.#automatic.has(key)) this.#automatic.set(key, pixel);
    return this.#automatic.get(key);
  }

  /** Put the key points of the motion where they are now. */
  #show() {
    const now = new Map();
    for (const { person, keypoints } of this.document.persons) {
      for (const each of keypoints ?? []) now.set(JSON.stringify([person, each.frame, each.keypoint]), each.corrected_px);
    }
    for (const [key, automatic] of this.#automatic) {
      const [person, frame, keypoint] = JSON.parse(key);
      const athlete = this.motion.athletes.find((each) => each.person === person);
      const row = this.motion.index.indexOf(frame);
      const joint = this.motion.skeleton.joints.indexOf(keypoint);
      if (athlete && row >= 0 && joint >= 0) athlete.movePoint(row, joint, now.get(key) ?? automatic);
    }
    this.dispatchEvent(new Event("change"));
  }
}
