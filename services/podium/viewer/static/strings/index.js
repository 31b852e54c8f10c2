import de from "./de.js";
import en from "./en.js";
import es from "./es.js";
import fr from "./fr.js";
import ja from "./ja.js";

export const LANGUAGES = { en, de, fr, es, ja };

/** The strings of a language, or of the first that the browser asks for and that there is. */
export function stringsFor(wanted) {
  const asked = [wanted, ...(navigator.languages ?? [])].filter(Boolean).map((tag) => tag.slice(0, 2));
  return LANGUAGES[asked.find((tag) => tag in LANGUAGES) ?? "en"];
}
