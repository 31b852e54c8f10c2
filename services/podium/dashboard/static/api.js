// Requests to the api, with the key of this tab. What fails is an ApiError in words for people.

const KEY = "podium.key";
const TRIES = 4;

export class ApiError extends Error {
  constructor(status, problem) {
    super(problem.detail || `the api answers with status ${status}`);
    this.status = status;
    this.requestId = problem.request_id;
  }
}

export const key = {
  get: () => sessionStorage.getItem(KEY),
  keep: (secret) => sessionStorage.setItem(KEY, secret),
  forget: () => sessionStorage.clear(),
};

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

function headers(more = {}) {
  return { "x-api-key": key.get() ?? "", ...more };
}

async function once(method, path, body, more) {
  const response = await fetch(path, {
    method,
    headers: headers({ ...(body ? { "content-type": "application/json" } : {}), ...more }),
    body: body && JSON.stringify(body),
    redirect: "error",
  });
  if (response.ok) return response.status === 204 ? null : response.json();
  throw new ApiError(response.status, await response.json().catch(() => ({})));
}

/** Ask the api; what may be done twice, or has an idempotency key, is asked again when it gets lost. */
export async function call(method, path, body = null, more = {}) {
  const repeats = method !== "POST" || "idempotency-key" in more || /\/(complete|cancel)$/.test(path);
  for (let tries = 1; ; tries += 1) {
    try {
      return await once(method, path, body, more);
    } catch (error) {
      const passes = !(error instanceof ApiError) || [502, 503, 504].includes(error.status);
      if (!repeats || !passes || tries === TRIES) {
        if (error instanceof ApiError) throw error;
        throw new Error("The api does not answer. Is it running?");
      }
      await pause(500 * 2 ** tries * Math.random() + 250);
    }
  }
}

/** All items of a list. */
export async function list(path) {
  const items = [];
  let cursor = "";
  do {
    const page = await call("GET", `${path}${path.includes("?") ? "&" : "?"}limit=200${cursor}`);
    items.push(...page.items);
    cursor = page.next_cursor ? `&cursor=${encodeURIComponent(page.next_cursor)}` : "";
  } while (cursor);
  return items;
}

/** A random text that nobody else has; crypto.randomUUID is missing on plain http. */
export function onlyKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (n) => n.toString(16).padStart(2, "0"))
    .join("");
}

/** Tell of every event of a job, until it has ended or the signal stops it.
 *  Returns false where streams do not come through. */
export async function events(jobId, told, signal) {
  let last = "0";
  for (;;) {
    try {
      const response = await fetch(`/v1/jobs/${jobId}/events`, {
        headers: headers({ accept: "text/event-stream", "last-event-id": last }),
        signal,
      });
      if (response.status === 204 || (response.status >= 400 && response.status < 500)) return true;
      const kind = response.headers.get("content-type") ?? "";
      if (!response.ok || !kind.startsWith("text/event-stream")) return false;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      for (;;) {
        const { value, done } = await reader.read();
        if (done) break;
        text += value;
        const blocks = text.split("\n\n");
        text = blocks.pop();
        for (const block of blocks) {
          const id = /^id: (.*)$/m.exec(block);
          if (id) {
            last = id[1];
            told();
          }
        }
      }
    } catch {
      if (signal.aborted) return true;
    }
    await pause(1000);
  }
}

/** An address of the store; objects that the api keeps itself are asked of this page's own host. */
export function here(url) {
  const address = new URL(url, location.href);
  return address.pathname.startsWith("/v1/objects/") ? address.pathname + address.search : url;
}
