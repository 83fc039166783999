// What went wrong or was done: told until it is read. `parts/notices.js` shows it.
import { signal } from "./html.js";
import { LostError } from "./problems.js";

const SHOWN_MS = 6000;
let last = 0;

/** What is told now: `{id, text}` or `{id, problem}`, the latest four. */
export const notices = signal([]);

export function tell(text) {
  const id = add({ text });
  setTimeout(() => drop(id), SHOWN_MS);
}

/** A failure stays until it is closed. That nobody answers, the page tells already. */
export function tellProblem(problem) {
  if (!(problem instanceof LostError)) add({ problem });
}

export function drop(id) {
  notices.value = notices.value.filter((each) => each.id !== id);
}

function add(notice) {
  last += 1;
  notices.value = [...notices.value.slice(-3), { id: last, ...notice }];
  return last;
}
