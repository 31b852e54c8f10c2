// The start of a page that a server sends: fetches the motion, then shows it, or compares two.

import { openComparison, openViewer } from "podium/viewer.js";

const root = document.getElementById("viewer");
const { motion, video, language, corrections, name, otherMotion, otherVideo, otherName } = root.dataset;
const page = { language };
document.getElementById("plotly").addEventListener("load", () => dispatchEvent(new Event("plotly")));

async function results(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The results cannot be read (${answer.status}).`);
  return answer.json();
}

try {
  if (otherMotion) {
    const [first, second] = await Promise.all([results(motion), results(otherMotion)]);
    const trials = [{ given: first, name, videoUrl: video }, { given: second, name: otherName, videoUrl: otherVideo }];
    openComparison(root, trials, page);
  } else {
    openViewer(root, await results(motion), { ...page, videoUrl: video || null, corrections: corrections || null });
  }
} catch (error) {
  root.textContent = error.message;
}
