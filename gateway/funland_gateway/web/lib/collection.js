// Things that a stream tells one by one, then `synced`, then each again when it changes.
import { watch } from "./watch.js";

/**
 * Keeps a signal's Map, by id, as the stream has it. `one` and `deleted` are the events' fields, `id` the field of what came. What was deleted
 * while nobody watched goes with `synced`. `onKnown` is called when all were told.
 */
export function watchAll(path, { one, deleted, id, into, onKnown = () => {} }) {
  let told = null; // ids since the stream began; null: all were told
  return watch(path, {
    begin() {
      told = new Set();
      return {};
    },
    onMessage(event) {
      const next = new Map(into.value);
      if (event[one]) {
        next.set(event[one][id], event[one]);
        told?.add(event[one][id]);
      } else if (event[deleted]) {
        next.delete(event[deleted]);
      } else if (event.synced) {
        for (const each of next.keys()) if (told && !told.has(each)) next.delete(each);
        told = null;
        onKnown();
      }
      into.value = next;
    },
  });
}
