// A message of a conversation as the page has it: what grows is a signal each, so that a piece of text changes one node.
import { batch, signal } from "../lib/html.js";
import { paced } from "./pace.js";

export class Entry {
  #text = "";
  #reasoning = "";
  #pace = null;

  constructor(message) {
    this.id = message.message_id;
    this.parent = message.parent_message_id ?? "";
    this.role = message.message?.role ?? "USER";
    /** All but the text: state, usage, timings, error. */
    this.about = signal(message);
    this.text = signal("");
    this.reasoning = signal("");
    this.calls = signal([]);
    /** While it comes: `{tokens, rate}` of what was made, as `paced` gives it; null: nothing came yet. */
    this.pace = signal(null);
    /** The tokens of its prompt, `{total, cached}`, once they are known; its usage has them at the end. */
    this.prompt = signal(null);
    this.become(message);
  }

  get writing() {
    return this.about.value.state === "IN_PROGRESS";
  }

  /** Takes a message in place of all that was known of it. */
  become(message) {
    const said = message.message ?? {};
    this.#text = said.content || (said.parts ?? []).map((each) => each.text).filter(Boolean).join("\n");
    this.#reasoning = said.reasoning ?? "";
    batch(() => {
      this.calls.value = said.tool_calls ?? [];
      this.about.value = message;
      this.flush();
    });
  }

  /** Takes more of an answer. It is shown by `flush`. */
  add(delta) {
    this.#text += delta.text ?? "";
    this.#reasoning += delta.reasoning ?? "";
    if (delta.tokens) this.#pace = paced(this.#pace, delta.tokens, performance.now());
    if (delta.tool_calls?.length) this.calls.value = joined(this.calls.value, delta.tool_calls);
  }

  flush() {
    this.text.value = this.#text;
    this.reasoning.value = this.#reasoning;
    this.pace.value = this.#pace?.shown ?? null;
  }
}

/** Calls with more of them. Pure. */
export function joined(calls, deltas) {
  const all = calls.map((each) => ({ ...each }));
  for (const { index = 0, id, name, arguments: more } of deltas) {
    all[index] ??= { id: "", name: "", arguments: "" };
    if (id) all[index].id = id;
    if (name) all[index].name = name;
    all[index].arguments += more ?? "";
  }
  return all;
}
