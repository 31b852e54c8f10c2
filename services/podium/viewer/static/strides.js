// Strides: from one contact of a foot to the next one of the same foot.

/** [{label, side, times: [s, s], rows: [first, last]}] of an athlete, in the order of time. */
export function strides(motion, athlete, strings) {
  const found = [];
  for (const side of ["left", "right"]) {
    const contacts = athlete.events.filter((event) => event.name === "contact" && event.side === side);
    for (let at = 0; at + 1 < contacts.length; at++) {
      const times = [contacts[at].time_s, contacts[at + 1].time_s];
      const rows = times.map((seconds) => motion.rowAt(seconds));
      const label = `${strings[side]} ${at + 1} (${contacts[at].time_s.toFixed(2)} s)`;
      if (rows[1] > rows[0]) found.push({ label, side, times, rows });
    }
  }
  return found.sort((a, b) => a.rows[0] - b.rows[0]);
}
