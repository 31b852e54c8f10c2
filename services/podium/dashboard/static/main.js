// The dashboard: sign in, then new jobs above and all jobs below.

import { call, key } from "./api.js";
import { element } from "./elements.js";
import { JobList } from "./job_list.js";
import { signIn } from "./sign_in.js";
import { submitCard } from "./submit.js";

const main = document.getElementById("main");
const who = document.getElementById("who");
const signOut = document.getElementById("sign-out");
let jobs = null;

function leave(reason = "") {
  jobs?.stop();
  jobs = null;
  key.forget();
  who.textContent = "";
  signOut.hidden = true;
  main.replaceChildren(signIn(enter, reason));
}

async function enter(me) {
  who.textContent = me.project_id === null ? "all projects" : `project ${me.project_id}`;
  signOut.hidden = false;
  jobs = new JobList(leave);
  const shown = [jobs.node];
  if (me.scopes.some((scope) => scope === "jobs:write" || scope === "admin")) {
    try {
      shown.unshift(await submitCard((job) => jobs.add(job)));
    } catch (error) {
      shown.unshift(element("p", { class: "problem", role: "alert" }, error.message));
    }
  }
  if (jobs) main.replaceChildren(...shown);
}

signOut.addEventListener("click", () => leave());
// A file that misses the place for it does not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());

if (key.get() === null) leave();
else call("GET", "/v1/me").then(enter, (error) => leave(error.status === 401 ? "" : error.message));
