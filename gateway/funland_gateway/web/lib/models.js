// The installed models as they are now, for all pages.
import { computed, signal } from "./html.js";
import { watchAll } from "./collection.js";

const byId = signal(new Map());

/** Whether all were told once. */
export const modelsKnown = signal(false);

/** All of them, ordered by id. */
export const models = computed(() => [...byId.value.values()].sort((a, b) => a.model_id.localeCompare(b.model_id)));

/** Those that can hold a conversation: the default one first. */
export const chatModels = computed(() =>
  models.value.filter((each) => each.can_chat).sort((a, b) => Number(b.default ?? false) - Number(a.default ?? false)),
);

export const ofKind = (kind) => models.value.filter((each) => each.kind === kind);

/** The model of an id or another of its names; undefined: there is none. */
export function model(name) {
  return byId.value.get(name) ?? models.value.find((each) => each.source === name || each.aliases?.includes(name));
}

export function watchModels() {
  return watchAll("/models:watch", {
    one: "model",
    deleted: "deleted_model_id",
    id: "model_id",
    into: byId,
    onKnown: () => (modelsKnown.value = true),
  });
}
