// What a page reads when it is opened, and again when it is asked to or the server was away.
import { effect, signal, untracked, useEffect, useMemo } from "./html.js";
import { epoch } from "./connection.js";
import { isAbort } from "./problems.js";
import { watch } from "./watch.js";

/** Calls `read(signal)`; gives signals `value` and `problem`, and `again`. */
export function useRead(read, dependencies = []) {
  const state = useMemo(() => ({ value: signal(undefined), problem: signal(null), busy: signal(true), again: () => {} }), dependencies);
  useEffect(() => {
    let abort = new AbortController();
    const run = async () => {
      abort.abort();
      abort = new AbortController();
      const mine = abort;
      state.busy.value = true;
      try {
        const value = await read(mine.signal);
        if (mine.signal.aborted) return;
        state.value.value = value;
        state.problem.value = null;
      } catch (problem) {
        if (!isAbort(problem)) state.problem.value = problem;
      } finally {
        if (mine === abort) state.busy.value = false;
      }
    };
    state.again = run;
    const end = effect(() => {
      epoch.value;
      untracked(run);
    });
    return () => {
      end();
      abort.abort();
    };
  }, dependencies);
  return state;
}

/** Follows a stream as long as a component is there. */
export function useWatch(path, options, dependencies = []) {
  useEffect(() => (path ? watch(path, options) : undefined), [path, ...dependencies]);
}
