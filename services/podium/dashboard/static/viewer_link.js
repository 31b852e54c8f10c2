// The viewer of a video: for the owner, who may correct, and for others, by an address that expires.

import { ApiError, call } from "./api.js";
import { element, moment, say } from "./elements.js";

const DAYS = 7;

const address = (video, wanted) => call("GET", `/v1/videos/${video.id}/viewer?${new URLSearchParams(wanted)}`);

/** With a key that may write, the viewer may correct. */
async function ownAddress(video) {
  try {
    return await address(video, { corrects: true });
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 403) throw error;
    return address(video, {});
  }
}

/** Open the viewer, at an address that is signed for a while. */
export async function look(video) {
  const opened = window.open("", "_blank");
  try {
    const { url } = await ownAddress(video);
    if (opened) {
      opened.opener = null;
      opened.location.replace(url);
    } else location.assign(url);
  } catch (error) {
    opened?.close();
    say(error.message);
  }
}

/** Show an address for others beside the button, and copy it where the browser allows that. */
export async function share(video, button) {
  button.disabled = true;
  try {
    const { url, expires_at: end } = await address(video, { valid_s: DAYS * 86400 });
    const whole = new URL(url, location.href).href;
    const field = element("input", { type: "text", readonly: true, value: whole, id: `link-${video.id}` });
    const copied = await navigator.clipboard?.writeText(whole).then(() => "Copied. ", () => "") ?? "";
    const note = `${copied}Whoever has this link sees the results of ${video.video_name} until ${moment(end)}.`;
    button.replaceWith(element("label", { class: "share" }, element("span", { class: "soft" }, note), field));
    field.focus();
    field.select();
    say(note);
  } catch (error) {
    button.disabled = false;
    say(error.message);
  }
}
