// A conversation that the server keeps: what is said in it, and what is being said. It goes on over breaks of the connection.
import { batch, computed, signal } from "../lib/html.js";
import { all, get, path, patch } from "../lib/api.js";
import { loginNeeded } from "../lib/auth.js";
import { lost, whenThere } from "../lib/connection.js";
import { ApiError, LostError } from "../lib/problems.js";
import { converse } from "../lib/socket.js";
import { Entry } from "./entry.js";
import { onFrame } from "./frames.js";
import { branch, newestLeaf } from "./tree.js";

const PAGE = 1000;
const AGAIN_MS = 400;
const LONGEST_MS = 8000;

export class Conversation {
  #entries = new Map();
  #children = new Map();
  #version = signal(0); // of the tree
  #socket = null;
  #after; // the number of the last event
  #waiting = null; // what was told before the messages were read
  #unheard = new Map(); // what was said and is not known to be kept, by its reference
  #changed = new Set();
  #naming = false;
  #over = false;

  constructor(id) {
    this.id = id;
    this.session = signal(null);
    this.head = signal("");
    /** Whether its messages were read. */
    this.known = signal(false);
    /** What the answer waits for: `{loading}`, `{queued}`, `{prefill}`, or null. */
    this.phase = signal(null);
    this.gone = signal(false);
    this.problem = signal(null);
    /** The ids of the branch that goes on. */
    this.branch = computed(() => {
      this.#version.value;
      return branch(this.head.value, (each) => this.#entries.get(each)?.parent ?? "");
    });
    /** The answer that is being written; null: none. */
    this.answering = computed(() => {
      const last = this.entry(this.branch.value.at(-1));
      return last?.writing ? last : null;
    });
    this.#open();
    this.#read();
  }

  entry(id) {
    return this.#entries.get(id);
  }

  /** The ids of those that follow the same message. */
  siblings(id) {
    return this.#children.get(this.entry(id)?.parent ?? "") ?? [id];
  }

  /** Says something; resolves when it is kept. `what` is a `SendMessageRequest`. */
  say(what) {
    const reference = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    this.problem.value = null;
    return new Promise((resolve, reject) => {
      const message = { reference, send: { ...what, idempotency_key: reference } };
      this.#unheard.set(reference, { message, resolve, reject });
      this.#socket?.send(message);
    });
  }

  /** Ends the answer that is being written. */
  stop() {
    this.#socket?.send({ cancel: { message_id: this.answering.value?.id ?? "" } });
  }

  /** Goes on with the branch through a message. */
  async choose(id) {
    const leaf = newestLeaf(id, this.#children);
    this.head.value = leaf;
    this.session.value = await patch(path("sessions", this.id), { head_message_id: leaf });
  }

  close() {
    this.#over = true;
    this.#socket?.close();
  }

  #open() {
    if (this.#over) return;
    let pause = AGAIN_MS;
    this.#waiting ??= this.known.value ? null : [];
    this.#socket = converse(`${path("sessions", this.id)}:converse`, {}, {
      onOpen: () => {
        this.#socket.send(this.#after === undefined ? { open: {} } : { open: { after: this.#after } });
        for (const { message } of this.#unheard.values()) this.#socket.send(message);
      },
      onMessage: (event) => {
        pause = AGAIN_MS;
        if (this.#waiting) this.#waiting.push(event);
        else this.#take(event);
      },
      onClose: async () => {
        await new Promise((resolve) => setTimeout(resolve, pause));
        pause = Math.min(pause * 2, LONGEST_MS);
        if (await this.#stillThere()) this.#open();
      },
    });
  }

  /** A socket that breaks does not say why: the session itself does. */
  async #stillThere() {
    while (!this.#over) {
      try {
        await get(path("sessions", this.id));
        return true;
      } catch (problem) {
        if (problem.status === 404) {
          this.gone.value = true;
          return false;
        }
        if (problem instanceof ApiError && problem.status === 401) await until(() => !loginNeeded.value);
        else {
          if (problem instanceof ApiError) lost();
          await whenThere();
        }
      }
    }
    return false;
  }

  async #read() {
    while (!this.#over) {
      try {
        const [session, messages] = await Promise.all([
          get(path("sessions", this.id)),
          all(`${path("sessions", this.id)}/messages`, "messages", { all_branches: true, page_size: PAGE }),
        ]);
        batch(() => {
          for (const message of messages) this.#put(message);
          this.session.value = session;
          // Session and messages are as of two moments: the head may be of a later one, and what is told may be among the messages.
          this.head.value = this.#entries.has(session.head_message_id) ? session.head_message_id : "";
          const told = this.#waiting ?? [];
          this.#waiting = null;
          this.known.value = true;
          for (const event of told) this.#take(event);
        });
        return;
      } catch (problem) {
        if (problem instanceof LostError) await whenThere();
        else if (problem.status === 401) await until(() => !loginNeeded.value);
        else {
          this.gone.value = problem.status === 404;
          this.problem.value = problem;
          return;
        }
      }
    }
  }

  #take(event) {
    if (event.number) this.#after = event.number;
    if (event.session) this.#takeSession(event.session);
    else if (event.message) this.#takeMessage(event.message, event.reference);
    else if (event.delta) this.#takeDelta(event.message_id, event.delta);
    else if (event.rejected) this.#reject(event.reference, new ApiError(event.rejected));
    else if (event.deleted) this.gone.value = true;
    else if (event.loading || event.queued || event.prefill) this.#takePhase(event);
  }

  #takeSession(session) {
    this.#after ??= session.last_event ?? 0;
    this.session.value = session;
    if (session.head_message_id !== undefined && this.#entries.has(session.head_message_id)) this.head.value = session.head_message_id;
  }

  #takeMessage(message, reference) {
    const waited = this.#unheard.get(reference);
    this.#unheard.delete(reference);
    batch(() => {
      const isNew = !this.#entries.has(message.message_id);
      this.#put(message);
      if (isNew || (message.parent_message_id ?? "") === this.head.value) this.head.value = message.message_id;
      if (message.state !== "IN_PROGRESS") this.phase.value = null;
    });
    waited?.resolve();
    if (!this.session.value?.title) this.#nameIt();
  }

  /** A session is called by what was said first: nobody tells that it is so now. */
  async #nameIt() {
    if (this.#naming) return;
    this.#naming = true;
    try {
      const { title } = await get(path("sessions", this.id));
      this.session.value = { ...this.session.value, title };
    } catch {
      // The next message tries again.
    } finally {
      this.#naming = false;
    }
  }

  #takePhase(event) {
    this.phase.value = event;
    const entry = event.prefill && this.#entries.get(event.message_id);
    if (entry) entry.prompt.value = event.prefill;
  }

  #takeDelta(id, delta) {
    const entry = this.#entries.get(id);
    if (!entry) return;
    entry.add(delta);
    if (this.phase.value) this.phase.value = null;
    this.#changed.add(entry);
    onFrame(this.#flush);
  }

  #flush = () => {
    for (const entry of this.#changed) entry.flush();
    this.#changed.clear();
  };

  #put(message) {
    const entry = this.#entries.get(message.message_id);
    if (entry) {
      entry.become(message);
      return;
    }
    const fresh = new Entry(message);
    this.#entries.set(fresh.id, fresh);
    if (!this.#children.has(fresh.parent)) this.#children.set(fresh.parent, []);
    this.#children.get(fresh.parent).push(fresh.id);
    this.#version.value += 1;
  }

  #reject(reference, problem) {
    const waited = this.#unheard.get(reference);
    this.#unheard.delete(reference);
    if (waited) waited.reject(problem);
    else this.problem.value = problem;
  }
}

async function until(is) {
  while (!is()) await new Promise((resolve) => setTimeout(resolve, 300));
}
