// A file to the store: one form, or parts of which only those are sent that are not there.

import { call, here, onlyKey } from "./api.js";

const PARTS_FROM_BYTES = 16 * 2 ** 20;
const AT_ONCE = 3;
const TRIES = 5;

/** Send a file, going on where an earlier try in this tab has stopped; gives the upload's id. */
export async function upload(file, told, signal) {
  const mark = `podium.upload:${file.name}:${file.size}:${file.lastModified}`;
  const begun = (await known(sessionStorage.getItem(mark))) ?? (await begin(file));
  sessionStorage.setItem(mark, begun.id);
  if (begun.upload_status !== "complete") {
    if (begun.part_size === null) await sendForm(begun, file, told, signal);
    else await sendParts(begun, file, told, signal);
    await call("POST", `/v1/uploads/${begun.id}/complete`);
  }
  return { id: begun.id, done: () => sessionStorage.removeItem(mark) };
}

async function known(id) {
  if (id === null) return null;
  try {
    const there = await call("GET", `/v1/uploads/${id}`);
    return there.upload_status === "aborted" ? null : there;
  } catch {
    return null;
  }
}

function begin(file) {
  const wanted = {
    upload_name: file.name.slice(-200),
    size_bytes: file.size,
    parts: file.size >= PARTS_FROM_BYTES,
  };
  return call("POST", "/v1/uploads", wanted, { "idempotency-key": onlyKey() });
}

function sendForm(begun, file, told, signal) {
  return patiently(() => {
    const form = new FormData();
    for (const [name, value] of Object.entries(begun.fields)) form.append(name, value);
    form.append("file", file);
    return request("POST", here(begun.url), form, (sent) => told(sent, file.size), signal);
  }, signal);
}

async function sendParts(begun, file, told, signal) {
  const sent = new Map(begun.parts.map((part) => [part.number, part.etag ? part.size_bytes : 0]));
  const tell = () => told([...sent.values()].reduce((a, b) => a + b, 0), file.size);
  const todo = begun.parts.filter((part) => part.etag === null);
  let addresses = new Map(begun.parts.map((part) => [part.number, part.url]));
  tell();
  async function work() {
    for (let part = todo.shift(); part; part = todo.shift()) {
      const { number, size_bytes: size } = part;
      const start = (number - 1) * begun.part_size;
      await patiently(async (failure) => {
        if (failure?.status === 403) {
          const renewed = await call("GET", `/v1/uploads/${begun.id}`);
          addresses = new Map(renewed.parts.map((each) => [each.number, each.url]));
        }
        const piece = file.slice(start, start + size);
        const moved = (count) => {
          sent.set(number, Math.min(count, size));
          tell();
        };
        await request("PUT", here(addresses.get(number)), piece, moved, signal);
        moved(size);
      }, signal);
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

async function patiently(send, signal) {
  let failure = null;
  for (let tries = 1; ; tries += 1) {
    try {
      return await send(failure);
    } catch (error) {
      failure = error;
      const refused = error.status >= 400 && error.status < 500 && ![403, 408, 429].includes(error.status);
      if (signal.aborted || refused || tries === TRIES) throw error;
      await new Promise((done) => setTimeout(done, 500 * 2 ** tries * Math.random() + 250));
    }
  }
}

/** XMLHttpRequest, because fetch does not tell how much has been sent. */
function request(method, url, body, moved, signal) {
  return new Promise((done, failed) => {
    const sending = new XMLHttpRequest();
    sending.open(method, url);
    sending.upload.addEventListener("progress", (event) => moved(event.loaded));
    sending.addEventListener("load", () => {
      if (sending.status < 300) return done();
      const error = new Error(`the file was not taken (status ${sending.status}); try again`);
      error.status = sending.status;
      return failed(error);
    });
    sending.addEventListener("error", () => failed(new Error("the connection was lost")));
    sending.addEventListener("abort", () => failed(new Error("stopped")));
    signal.addEventListener("abort", () => sending.abort(), { once: true });
    sending.send(body);
  });
}
