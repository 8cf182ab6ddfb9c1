// The last answers, kept in this browser and nowhere else. Without storage they last until the page is closed.
const KEPT_AS = "answers";

/** How many answers are kept. */
export const MOST_ANSWERS = 12;

let answers = read();

/** All kept answers, newest first: { id, at, lang, body, thumbnail, choice, sheet }. */
export const all = () => answers;

/** One kept answer, or undefined. */
export const find = (id) => answers.find((entry) => entry.id === id);

/** Keep an answer, in place of the one with the same id if there is one. */
export function keep(entry) {
  const others = answers.filter((other) => other.id !== entry.id);
  answers = [entry, ...others].sort((a, b) => b.at - a.at).slice(0, MOST_ANSWERS);
  write();
}

/** Forget all answers and the facts fetched for them; returns them, so that it can be undone. */
export function forget() {
  const forgotten = answers;
  answers = [];
  write();
  forgetFacts();
  return forgotten;
}

/** Take back what `forget` returned. */
export function restore(forgotten) {
  answers = forgotten;
  write();
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEPT_AS) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

function write() {
  for (let count = answers.length; count >= 0; count -= 1) {
    try {
      localStorage.setItem(KEPT_AS, JSON.stringify(answers.slice(0, count)));
      return;
    } catch {
      // No room, or no storage: the oldest answer goes first.
    }
  }
}

async function forgetFacts() {
  if (!("caches" in window)) return;
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    const looked = (await cache.keys()).filter(({ url }) => new URL(url).pathname.startsWith("/fruits"));
    await Promise.all(looked.map((request) => cache.delete(request)));
  }
}
