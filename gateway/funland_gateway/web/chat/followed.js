// The conversations that the page follows, by their ids, for whoever only wants to know.
import { signal } from "../lib/html.js";

export const open = new Map();

/** The id of the one that is shown; "" for none. */
export const shown = signal("");

export const followed = (id) => open.get(id);

export function drop(id) {
  open.get(id)?.close();
  open.delete(id);
}
