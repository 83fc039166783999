// How fast an answer comes while it does. Pure.
const SHOWN_MS = 250; // between two numbers: more often nobody can read them
const WINDOW_MS = 3000; // of which the rate is
const MARK_MS = 100; // between two counts that are remembered

/**
 * What is known of an answer's pace after more of it. `before` is what this gave last, null at its begin; `tokens` came by `now`, in
 * milliseconds. `shown` is `{tokens, rate}`, a rate of undefined: too little came to say.
 */
export function paced(before, tokens, now) {
  const all = (before?.all ?? 0) + tokens;
  const old = before?.marks ?? [];
  const marks = [...(old.length > 1 && now - old.at(-2).at < MARK_MS ? old.slice(0, -1) : old), { at: now, all }];
  while (marks.length > 2 && marks[1].at < now - WINDOW_MS) marks.shift();
  const due = !before || now - before.shownAt >= SHOWN_MS;
  return { all, marks, shown: due ? { tokens: all, rate: rate(marks) } : before.shown, shownAt: due ? now : before.shownAt };
}

function rate(marks) {
  const [first, last] = [marks[0], marks.at(-1)];
  return last.at > first.at ? ((last.all - first.all) * 1000) / (last.at - first.at) : undefined;
}

/** The tokens that a conversation takes while an answer comes; `before` is what it took before. undefined: that is not known. */
export function contextUsed({ prompt, pace }, before) {
  const read = prompt ? Number(prompt.total) : before;
  return read === undefined ? undefined : read + (pace?.tokens ?? 0);
}
