// A session's messages are a tree. Pure: messages are `{message_id, parent_message_id}`.

/** The ids of those that follow the same one, oldest first, by the id of that; "" for the first ones. */
export function childrenOf(messages) {
  const children = new Map();
  for (const { message_id: id, parent_message_id: parent = "" } of messages) {
    if (!children.has(parent)) children.set(parent, []);
    children.get(parent).push(id);
  }
  return children;
}

/** The ids from the first message to `head`. `parentOf` gives the id that one follows, "" for none. */
export function branch(head, parentOf) {
  const ids = [];
  for (let id = head; id && ids.length < 1e6; id = parentOf(id)) ids.push(id);
  return ids.reverse();
}

/** Where the branch ends that goes through a message: the newest of those that follow, again and again. */
export function newestLeaf(id, children) {
  let leaf = id;
  for (let next = children.get(leaf); next?.length; next = children.get(leaf)) leaf = next.at(-1);
  return leaf;
}

/** What of a list of `count` is in the document: at most `size`, `[from, to)`, moved by `by` towards its begin (negative) or end. */
export function moved({ from, to }, by, count, size) {
  if (by < 0) {
    const first = Math.max(0, from + by);
    return { from: first, to: Math.min(to, first + size) };
  }
  const last = Math.min(count, to + by);
  return { from: Math.max(from, last - size, 0), to: last };
}

/** The whole sentences of a text from `start` on, and where they end: what is read out while more comes. */
export function sentences(text, start) {
  const rest = text.slice(start);
  const ends = [...rest.matchAll(/[.!?]+(?=\s)|[。！？]+|\n+/g)];
  if (!ends.length) return { text: "", end: start };
  const last = ends.at(-1);
  const end = start + last.index + last[0].length;
  return { text: text.slice(start, end).trim(), end };
}
