// Reads server-sent events from a fetch's body.

/** Parts a stream of text into events `{event, data}`. Comments are passed over. */
export class EventReader {
  #rest = "";
  #event = "message";
  #data = [];

  /** The events that are whole once `text` has come. */
  read(text) {
    const events = [];
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line === "") {
        if (this.#data.length) events.push({ event: this.#event, data: this.#data.join("\n") });
        this.#event = "message";
        this.#data = [];
      } else if (!line.startsWith(":")) {
        const colon = line.indexOf(":");
        const name = colon < 0 ? line : line.slice(0, colon);
        const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
        if (name === "event") this.#event = value;
        if (name === "data") this.#data.push(value);
      }
    }
    return events;
  }
}

/**
 * The events of a response. Throws `onSilence()` where nothing comes for so long, a comment neither: the connection is dead then, whatever
 * the browser thinks.
 */
export async function* eventsOf(response, silenceMs, onSilence) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const events = new EventReader();
  try {
    for (;;) {
      const { done, value } = await within(reader.read(), silenceMs, onSilence);
      if (done) return;
      yield* events.read(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

async function within(promise, ms, onSilence) {
  let timer;
  const silence = new Promise((_, reject) => {
    timer = setTimeout(() => reject(onSilence()), ms);
  });
  try {
    return await Promise.race([promise, silence]);
  } finally {
    clearTimeout(timer);
  }
}
