// Follows a stream that never ends by itself, over breaks of the connection and restarts of the server.
//
// A browser opens six connections to a server, for all its tabs together. So a tab that nobody sees lets go of its streams.
import { stream } from "./api.js";
import { whenThere } from "./connection.js";
import { loginNeeded } from "./auth.js";
import { ApiError, isAbort } from "./problems.js";

const HIDDEN_MS = 20_000;
const AGAIN_MS = 1000;
const LONGEST_MS = 15_000;
const ENDS = new Set(["NOT_FOUND", "PERMISSION_DENIED", "UNIMPLEMENTED", "INVALID_ARGUMENT"]);

/**
 * Calls `onMessage` for each message. `begin` is called before each try and gives its query, so that one can go on where the last ended.
 * `onProblem` is told of what trying again does not mend. Gives a function that ends it.
 */
export function watch(path, { begin = () => ({}), onMessage, onProblem = () => {}, onEnd = () => {} }) {
  const stop = new AbortController();
  follow(path, { begin, onMessage, onProblem, onEnd }, stop.signal);
  return () => stop.abort();
}

async function follow(path, { begin, onMessage, onProblem, onEnd }, stopped) {
  for (let pause = AGAIN_MS; !stopped.aborted; ) {
    await seen(stopped);
    if (stopped.aborted) return;
    const round = new AbortController();
    const release = abortWhenUnseen(round, stopped);
    try {
      for await (const message of stream("GET", path, { query: begin(), signal: round.signal })) {
        pause = AGAIN_MS;
        onMessage(message);
      }
      onEnd();
      return;
    } catch (problem) {
      if (stopped.aborted) return;
      if (problem instanceof ApiError && ENDS.has(problem.code)) {
        onProblem(problem);
        return;
      }
      if (!isAbort(problem)) {
        await Promise.race([sleep(pause, stopped), aborted(stopped)]);
        pause = Math.min(pause * 2, LONGEST_MS);
        await Promise.race([whenThere(), aborted(stopped)]);
        await loggedIn(stopped);
      }
    } finally {
      release();
    }
  }
}

function abortWhenUnseen(round, stopped) {
  let timer;
  const look = () => {
    clearTimeout(timer);
    if (document.hidden) timer = setTimeout(() => round.abort(), HIDDEN_MS);
  };
  const end = () => round.abort();
  look();
  document.addEventListener("visibilitychange", look);
  stopped.addEventListener("abort", end);
  return () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", look);
    stopped.removeEventListener("abort", end);
    round.abort();
  };
}

function seen(stopped) {
  return until(stopped, () => !document.hidden, (look) => {
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  });
}

function loggedIn(stopped) {
  return until(stopped, () => !loginNeeded.value, (look) => loginNeeded.subscribe(look));
}

/** Resolves once `is()` holds or it is stopped; `listen` says when to look again, and gives what ends that. */
function until(stopped, is, listen) {
  return new Promise((resolve) => {
    if (stopped.aborted || is()) return resolve();
    let end = () => {};
    const look = () => {
      if (!stopped.aborted && !is()) return;
      end();
      stopped.removeEventListener("abort", look);
      resolve();
    };
    end = listen(look);
    stopped.addEventListener("abort", look);
  });
}

const aborted = (signal) => new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
