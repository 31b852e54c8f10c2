// The start of a page that a server sends: fetches the motion, then shows it, or compares two.

import { openComparison, openViewer } from "podium/viewer.js";

const root = document.getElementById("viewer");
const { motion, video, language, corrections, name, otherMotion, otherVideo, otherName, plotly } = root.dataset;
const page = { language };

async function results(address) {
  const answer = await fetch(address, { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The results cannot be read (${answer.status}).`);
  return answer.json();
}

/** Charts come last: plotly.js takes longer than all else. */
function loadPlotly() {
  const script = document.createElement("script");
  script.src = plotly;
  script.addEventListener("load", () => dispatchEvent(new Event("plotly")));
  requestAnimationFrame(() => setTimeout(() => document.head.append(script))); // once the page is painted
}

try {
  if (otherMotion) {
    const [first, second] = await Promise.all([results(motion), results(otherMotion)]);
    const trials = [{ given: first, name, videoUrl: video }, { given: second, name: otherName, videoUrl: otherVideo }];
    openComparison(root, trials, page);
  } else {
    openViewer(root, await results(motion), { ...page, videoUrl: video || null, corrections: corrections || null });
  }
  loadPlotly();
} catch (error) {
  root.textContent = error.message;
}
