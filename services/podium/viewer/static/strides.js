// Strides: from one contact of a foot to the next one of the same foot.

/** [{label, rows: [first, last]}] of an athlete, in the order of time. */
export function strides(motion, athlete, strings) {
  const found = [];
  for (const side of ["left", "right"]) {
    const contacts = athlete.events.filter((event) => event.name === "contact" && event.side === side);
    for (let at = 0; at + 1 < contacts.length; at++) {
      const rows = [contacts[at], contacts[at + 1]].map((event) => motion.rowAt(event.time_s));
      const label = `${strings[side]} ${at + 1} (${contacts[at].time_s.toFixed(2)} s)`;
      if (rows[1] > rows[0]) found.push({ label, rows });
    }
  }
  return found.sort((a, b) => a.rows[0] - b.rows[0]);
}
