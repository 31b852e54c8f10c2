// Elements of the page. Text from people only ever becomes text.

/** An element: attributes, functions for events (onclick), then children or text. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((child) => child != null && child !== false));
  return made;
}

/** A bar with its name for screen readers. */
export function bar(name, percent) {
  const made = element("progress", { max: 100, "aria-label": name });
  move(made, percent);
  return made;
}

/** Move a bar; as long as nothing is done it says that something is under way. */
export function move(progress, percent) {
  if (percent > 0) progress.value = percent;
  else progress.removeAttribute("value");
}

export function count(number, what) {
  return `${number} ${what}${number === 1 ? "" : what.endsWith("ch") ? "es" : "s"}`;
}

/** Say something to those who do not see the page. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

export function bytes(count) {
  const units = [count === 1 ? "byte" : "bytes", "kB", "MB", "GB", "TB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) {
    count /= 1000;
    unit += 1;
  }
  return `${count.toFixed(unit && count < 100 ? 1 : 0)} ${units[unit]}`;
}

export function seconds(count) {
  const whole = Math.round(count);
  if (whole < 90) return `${whole} s`;
  return whole < 5400 ? `${Math.round(whole / 60)} min` : `${(whole / 3600).toFixed(1)} h`;
}

export function moment(text) {
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}
