// Whether the server answers, and who waits for it to do so again.
import { signal } from "./html.js";

const HEALTH = "/funland/v1/health";
const FIRST_MS = 500;
const LONGEST_MS = 8000;

/** `ok`, `lost`, or `stopping`: it ends what it has and takes no more. */
export const connection = signal("ok");

/** Rises each time the server is there again: what was read before may be old. */
export const epoch = signal(0);

let waking = null;

/** To be told by whoever finds that nobody answers. The page then asks until somebody does. */
export function lost(state = "lost") {
  connection.value = state;
  waking ??= untilThere().finally(() => {
    waking = null;
  });
  return waking;
}

/** Resolves once the server answers; at once if it does. */
export function whenThere() {
  return waking ?? Promise.resolve();
}

async function untilThere() {
  for (let pause = FIRST_MS; ; pause = Math.min(pause * 1.6, LONGEST_MS)) {
    await wait(pause);
    const state = await health();
    if (state === "SERVING") break;
    connection.value = state === "STOPPING" ? "stopping" : "lost";
  }
  connection.value = "ok";
  epoch.value += 1;
}

async function health() {
  try {
    const response = await fetch(HEALTH, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    return response.ok ? (await response.json()).state : "";
  } catch {
    return "";
  }
}

/** A pause that ends early when the browser is online again, or the page is looked at. */
function wait(ms) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", seen);
      resolve();
    };
    const seen = () => document.hidden || done();
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", seen);
  });
}
