/** A text that is read while it is written. */

import type { Finish, GenerationEvent } from "./gen/funland/v1/inference_pb.js";

/**
 * The pieces of a text, in order; of several texts the first one's. It is asked for when the first
 * piece is, and who leaves the loop ends it: the server stops writing. It can be read once.
 */
export class TextStream implements AsyncIterable<string> {
  readonly #events: AsyncGenerator<GenerationEvent, void>;
  #model = "";
  #finish: Finish | undefined;

  constructor(events: AsyncGenerator<GenerationEvent, void>) {
    this.#events = events;
  }

  /** The model that writes; empty before the first piece. */
  get model(): string {
    return this.#model;
  }

  /** Why the text ended and what it took; undefined before its end. */
  get finish(): Finish | undefined {
    return this.#finish;
  }

  /** The whole text, when it is complete. */
  async text(): Promise<string> {
    const pieces: string[] = [];
    for await (const piece of this) pieces.push(piece);
    return pieces.join("");
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<string, void> {
    for await (const { choice, event } of this.#events) {
      if (event.case === "start") this.#model = event.value.model;
      if (choice !== 0) continue;
      if (event.case === "finish") this.#finish = event.value;
      if (event.case === "delta" && event.value.text) yield event.value.text;
    }
  }
}
