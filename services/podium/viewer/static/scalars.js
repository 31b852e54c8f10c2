// The measures that are one number: value, uncertainty, how many, how, or why there is none.

import { make } from "podium/elements.js";

function cell(tag, content, title) {
  const element = document.createElement(tag);
  element.textContent = content;
  if (title) element.title = title;
  return element;
}

/** The measures with a value, and below, folded, those without one. */
export function scalarTables(athlete, strings) {
  const known = athlete.scalars.filter((measure) => measure.value !== null);
  const missing = athlete.scalars.filter((measure) => measure.value === null);
  if (!missing.length) return [tableOf(known, strings)];
  const title = make("summary", {}, strings.missing.replace("{n}", missing.length));
  const why = make("details", { class: "missing" }, title, tableOf(missing, strings));
  return known.length ? [tableOf(known, strings), why] : [why];
}

function tableOf(scalars, strings) {
  const table = document.createElement("table");
  const head = scalars.some((measure) => measure.value !== null) ? table.createTHead().insertRow() : null;
  for (const name of head ? [strings.measure, strings.value, strings.uncertainty, strings.count] : []) {
    const heading = cell("th", name);
    heading.scope = "col";
    head.append(heading);
  }
  const body = table.createTBody();
  for (const measure of scalars) {
    const row = body.insertRow();
    const name = cell("th", measure.label, measure.method);
    name.scope = "row";
    row.append(name);
    if (measure.value === null) {
      const why = cell("td", measure.reason || strings.unknown);
      why.colSpan = 3;
      why.className = "reason";
      row.append(why);
      continue;
    }
    row.append(cell("td", `${measure.value.toFixed(measure.digits)} ${measure.unit}`));
    row.append(cell("td", measure.sd === null ? "" : `± ${measure.sd.toFixed(measure.digits + 1)}`));
    row.append(cell("td", measure.n === null ? "" : String(measure.n)));
  }
  return table;
}
