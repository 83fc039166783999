// Gathers what comes until the next frame is drawn. A page that nobody sees draws none: then a few times a second.
const HIDDEN_MS = 250;
const wanted = new Set();
let due = false;

/** Calls `work` once before the next frame, however often it is asked for. */
export function onFrame(work) {
  wanted.add(work);
  if (due) return;
  due = true;
  if (document.hidden) setTimeout(run, HIDDEN_MS);
  else requestAnimationFrame(run);
}

function run() {
  due = false;
  const now = [...wanted];
  wanted.clear();
  for (const work of now) work();
}
