// Has corrections measured by whoever sent the page, and gets the new motion.

async function refusal(answer) {
  const text = await answer.text();
  try {
    const { detail, message, title } = JSON.parse(text);
    return detail ?? message ?? title;
  } catch {
    return `${answer.status} ${answer.statusText}`;
  }
}

/** @returns the new content of motion.json; throws an Error with the reason in words. */
export async function measureAgain(address, corrections) {
  const answer = await fetch(address, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(corrections),
    credentials: "same-origin",
  });
  if (!answer.ok) throw new Error(await refusal(answer));
  const { motion } = await answer.json();
  const fresh = await fetch(motion, { cache: "no-store", credentials: "same-origin" });
  if (!fresh.ok) throw new Error(await refusal(fresh));
  return fresh.json();
}
