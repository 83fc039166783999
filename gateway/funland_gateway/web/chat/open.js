// Opens conversations: the one that is shown is followed, and those in which an answer is written.
import { Conversation } from "./conversation.js";
import { drop, open, shown } from "./followed.js";

export function conversation(id) {
  if (!open.has(id)) open.set(id, new Conversation(id));
  shown.value = id;
  tidy();
  return open.get(id);
}

function tidy() {
  for (const [id, each] of open) {
    const resting = each.known.value && !each.answering.value;
    if (id !== shown.value && (resting || each.gone.value)) drop(id);
  }
}
