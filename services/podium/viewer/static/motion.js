// The content of motion.json as typed arrays, and the frame that belongs to a time.

const TYPES = { int16: Int16Array, uint8: Uint8Array, float32: Float32Array, float64: Float64Array };

/** The numbers of a packed array; the lowest value of int16 stands for "not known". */
export function unpack(packed) {
  if (!packed) return null;
  const bytes = Uint8Array.from(atob(packed.data), (char) => char.charCodeAt(0));
  const raw = new TYPES[packed.dtype](bytes.buffer);
  if (packed.dtype.startsWith("float")) return raw;
  const unknown = packed.dtype === "int16" ? -32768 : NaN;
  return Float32Array.from(raw, (value) => (value === unknown ? NaN : value * packed.scale));
}

class Athlete {
  constructor(given, joints) {
    this.person = given.person;
    this.label = given.label;
    this.joints = joints;
    this.xy = unpack(given.keypoints_px); // T * J * 2, pixels of the frame
    this.score = unpack(given.scores); // T * J
    this.xyz = unpack(given.joints_m); // T * J * 3, metres: x right, y up, z towards the camera
    this.series = given.measures.filter((m) => m.values).map((m) => ({ ...m, values: unpack(m.values) }));
    this.scalars = given.measures.filter((m) => !m.values);
    this.events = given.events;
  }

  /** Pixel of a joint on a row, or null where it is not known. */
  point(row, joint) {
    const at = 2 * (row * this.joints + joint);
    return Number.isFinite(this.xy[at]) ? [this.xy[at], this.xy[at + 1]] : null;
  }

  /** Place of a joint on a row in metres, or null where it is not known. */
  place(row, joint) {
    if (!this.xyz) return null;
    const at = 3 * (row * this.joints + joint);
    return Number.isFinite(this.xyz[at]) ? [this.xyz[at], this.xyz[at + 1], this.xyz[at + 2]] : null;
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
    this.warnings = given.warnings;
    this.notes = given.notes;
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
  side(bone) {
    const names = bone.map((joint) => this.skeleton.joints[joint]);
    for (const side of ["left", "right"]) if (names.every((name) => name.startsWith(`${side}_`))) return side;
    return "centre";
  }
}
