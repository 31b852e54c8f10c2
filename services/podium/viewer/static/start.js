// The start of a page that a server sends: fetches the motion, then shows it.

import { openViewer } from "podium/viewer.js";

const root = document.getElementById("viewer");
const { motion, video, language } = root.dataset;
const answer = await fetch(motion, { credentials: "same-origin" });
if (answer.ok) openViewer(root, await answer.json(), { videoUrl: video || null, plotly: window.Plotly ?? null, language });
else root.textContent = `The results cannot be read (${answer.status}).`;
