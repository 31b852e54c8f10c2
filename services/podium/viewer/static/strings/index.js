import de from "podium/strings/de.js";
import en from "podium/strings/en.js";
import es from "podium/strings/es.js";
import fr from "podium/strings/fr.js";
import ja from "podium/strings/ja.js";

export const LANGUAGES = { en, de, fr, es, ja };

/** The strings of a language, or of the first that the browser asks for and that there is. */
export function stringsFor(wanted) {
  const asked = [wanted, ...(navigator.languages ?? [])].filter(Boolean).map((tag) => tag.slice(0, 2));
  return LANGUAGES[asked.find((tag) => tag in LANGUAGES) ?? "en"];
}
