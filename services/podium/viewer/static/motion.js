// The content of motion.json, and the frame that belongs to a time. Arrays are unpacked when they are
// first used: of a long clip most curves are never looked at.

const TYPES = { int16: Int16Array, uint8: Uint8Array, float32: Float32Array, float64: Float64Array };
const UNKNOWN = -32768; // of int16

function bytesOf(base64) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(base64);
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
  return bytes;
}

/** A packed array as it is stored: integers are still to be multiplied by its scale. */
const stored = (packed) => new TYPES[packed.dtype](bytesOf(packed.data).buffer);

/** The numbers of a packed array of floats. */
export const unpack = (packed) => (packed ? stored(packed) : null);

/** Vectors of int16 steps; they stay integers, which take half of the memory. */
export class Steps {
  constructor(packed, size) {
    this.scale = packed.scale;
    this.size = size;
    this.steps = stored(packed);
  }

  /** The vector at a position, or null where it is not known. */
  at(position) {
    const { steps, size, scale } = this;
    const first = position * size;
    if (!(first >= 0 && first < steps.length) || steps[first] === UNKNOWN) return null;
    const vector = new Array(size);
    for (let axis = 0; axis < size; axis++) vector[axis] = steps[first + axis] * scale;
    return vector;
  }

  /** Replace the vector at a position; null: not known. */
  put(position, vector) {
    for (let axis = 0; axis < this.size; axis++) {
      const steps = vector ? Math.round(vector[axis] / this.scale) : UNKNOWN;
      this.steps[position * this.size + axis] = vector ? Math.max(-32767, Math.min(32767, steps)) : steps;
    }
  }
}

/** A measure over the rows; its values are unpacked when somebody looks. */
class Series {
  #packed;
  #values = null;
  constructor({ values, ...rest }) {
    Object.assign(this, rest);
    this.#packed = values;
  }

  get values() {
    if (!this.#values) [this.#values, this.#packed] = [unpack(this.#packed), null];
    return this.#values;
  }
}

class Athlete {
  constructor(given, joints) {
    this.person = given.person;
    this.label = given.label;
    this.joints = joints;
    this.pixels = new Steps(given.keypoints_px, 2);
    this.places = given.joints_m ? new Steps(given.joints_m, 3) : null; // x right, y up, z to the camera
    this.series = given.measures.filter((m) => m.values).map((m) => new Series(m));
    this.scalars = given.measures.filter((m) => !m.values);
    this.events = given.events;
  }

  /** Pixel of a joint on a row, or null where it is not known. */
  point(row, joint) {
    return this.pixels.at(row * this.joints + joint);
  }

  movePoint(row, joint, pixel) {
    this.pixels.put(row * this.joints + joint, pixel);
  }

  /** Place of a joint on a row in metres, or null where it is not known. */
  place(row, joint) {
    return this.places && this.places.at(row * this.joints + joint);
  }
}

/** A person who was found but not analysed: only where they are. */
class Other {
  constructor(given) {
    this.person = given.person;
    this.first = given.first_row;
    this.boxes = new Steps(given.boxes_px, 4);
    this.rows = given.boxes_px.shape[0];
  }

  box(row) {
    return this.boxes.at(row - this.first);
  }
}

export class Motion {
  constructor(given) {
    if (given.format !== "podium-motion/1") throw new Error("not a motion document of Podium");
    this.source = given.source;
    this.skeleton = given.skeleton;
    this.time = unpack(given.time_s);
    this.index = unpack(given.frame_index);
    this.athletes = given.athletes.map((one) => new Athlete(one, given.skeleton.joints.length));
    this.others = (given.others ?? []).map((one) => new Other(one));
    this.corrections = given.corrections ?? { athletes: null, persons: [] };
    this.warnings = given.warnings;
    this.notes = given.notes;
    this.sides = given.skeleton.bones.map((bone) => this.#side(bone));
  }

  get rows() {
    return this.time.length;
  }

  /** The row whose time is nearest: the times are those of the frames, at any rate of frames. */
  rowAt(seconds) {
    let low = 0;
    let high = this.rows - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.time[middle] < seconds) low = middle + 1;
      else high = middle;
    }
    if (low > 0 && seconds - this.time[low - 1] <= this.time[low] - seconds) return low - 1;
    return low;
  }

  /** "left", "right" or "centre", for the colour of a bone. */
  #side(bone) {
    const names = bone.map((joint) => this.skeleton.joints[joint]);
    for (const side of ["left", "right"]) if (names.every((name) => name.startsWith(`${side}_`))) return side;
    return "centre";
  }
}
