// Elements of the page. Texts are always set as text.

/** An element with attributes (or listeners, where they are functions) and children. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

export const button = (text, click, attributes = {}) => make("button", { type: "button", click, ...attributes }, text);

/** A list to choose from: [value, text] each. */
export function choice(label, entries, change) {
  const select = make("select", { "aria-label": label, change: () => change(select.value) });
  select.append(...entries.map(([value, text]) => make("option", { value }, text)));
  return select;
}

/** Hand a blob to the person as a file. */
export function saveAs(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
