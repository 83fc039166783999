// The list of conversations after its first page was read again. Pure.

/**
 * `before` is what is shown, the newest first, `fresh` the first page as it is now. Those of later pages stay; those that the first page
 * would have and has not are gone. `isAll`: there are no later pages.
 */
export function refreshed(before, fresh, isAll) {
  if (isAll || !fresh.length) return fresh;
  const oldest = fresh.at(-1).update_time;
  const ids = new Set(fresh.map((each) => each.session_id));
  return [...fresh, ...before.filter((each) => !ids.has(each.session_id) && Date.parse(each.update_time) <= Date.parse(oldest))];
}
