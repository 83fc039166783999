/** The steps that are common to all clients, for Node and for browsers: see docs/clients.md. */

import { fromJson, type JsonValue } from "@bufbuild/protobuf";

import type { Funland } from "../src/client.js";
import type { Conversation } from "../src/conversation.js";
import { FunlandError } from "../src/errors.js";
import { ChatRequestSchema, EmbedRequestSchema, Finish_Reason } from "../src/gen/funland/v1/inference_pb.js";
import { CreateSessionRequestSchema, SessionService } from "../src/gen/funland/v1/sessions_pb.js";

interface ExpectedError {
  readonly code: string;
  readonly reason: string;
  readonly metadata?: Record<string, string>;
  readonly fields?: string[];
  readonly retry_delay?: boolean;
}

/** A step of `clients/scenario.json`. */
export interface Step {
  readonly name: string;
  readonly call: keyof typeof CALLS;
  readonly timeout_seconds?: number;
  readonly [request: string]: unknown;
  readonly expect: Record<string, unknown>;
  readonly expect_error?: ExpectedError;
}

const MODEL = "funland-tiny";
/** How long a call may take that says nothing else. */
export const SECONDS = 60;
const CALLS = {
  async list_models(funland: Funland, { expect }: Step) {
    const listed = (await funland.listModels()).map((model) => model.modelId);
    for (const id of expect["model_ids"] as string[]) holds(listed.includes(id), `${id} is not listed`);
  },
  async chat(funland: Funland, step: Step) {
    const answer = await funland.chat(...asked(step["chat"]), limits(step));
    same(answer.message?.content, step.expect["text"]);
    same(answer.model, step.expect["model"]);
    same(Finish_Reason[answer.finishReason], step.expect["finish_reason"]);
    same(answer.usage?.completionTokens, step.expect["completion_tokens"]);
  },
  async stream(funland: Funland, step: Step) {
    const stream = funland.stream(...asked(step["chat"]), limits(step));
    const pieces: string[] = [];
    for await (const piece of stream) pieces.push(piece);
    same(pieces.join(""), step.expect["text"]);
    holds(pieces.length >= number(step, "least_pieces"), `it came in ${pieces.length} pieces`);
    same(stream.model, step.expect["model"]);
    same(Finish_Reason[stream.finish?.reason ?? 0], step.expect["finish_reason"]);
    same(stream.finish?.usage?.completionTokens, step.expect["completion_tokens"]);
  },
  async leave(funland: Funland, step: Step) {
    for await (const _ of funland.stream(...asked(step["chat"]))) {
      holds((await counts(funland)).active_sequences !== 0, "nothing is written");
      break;
    }
    const end = performance.now() + SECONDS * 1000;
    while (JSON.stringify(await counts(funland)) !== JSON.stringify(step.expect)) {
      holds(performance.now() < end, "the slot is still held");
    }
  },
  async embed(funland: Funland, step: Step) {
    const { inputs, $typeName: _, ...options } = fromJson(EmbedRequestSchema, step["embed"] as JsonValue);
    const vectors = await funland.embed(inputs, options);
    same(vectors.length, step.expect["vectors"]);
    for (const vector of vectors) {
      same(vector.length, step.expect["dimensions"]);
      holds(Math.abs(Math.hypot(...vector) - number(step, "length")) < 1e-3, "a vector has another length");
    }
  },
  async session(funland: Funland, { session, says, expect }: Step) {
    const sessions = funland.service(SessionService);
    const { sessionId } = await sessions.createSession(fromJson(CreateSessionRequestSchema, session as JsonValue));
    let text: string | undefined;
    for (const content of says as string[]) {
      text = (await sessions.sendMessage({ sessionId, content })).answer?.message?.content;
    }
    await sessions.deleteSession({ sessionId });
    same(text, expect["text"]);
  },
  async crowd(funland: Funland, step: Step) {
    const crowd = funland.stream(...asked(step["crowd"]))[Symbol.asyncIterator]();
    await crowd.next();
    await fails(step, funland.chat(...asked(step["chat"])));
    let refusals = 0;
    const answer = await funland.chat(...asked(step["chat"]), {
      retries: 9,
      onRetry(error, seconds) {
        holds(seconds >= (error.retryDelaySeconds ?? 0) && seconds > 0, "it waits too short");
        refusals += 1;
        void crowd.return();
      },
    });
    holds(refusals > 0, "the queue has room");
    same(answer.message?.content, step.expect["text"]);
  },
};

/** Makes a step; throws if anything is not as expected. */
export async function make(funland: Funland, step: Step): Promise<void> {
  const made = CALLS[step.call](funland, step);
  await (step.expect_error && step.call !== "crowd" ? fails(step, made) : made);
}

function number({ expect }: Step, name: string): number {
  same(typeof expect[name], "number");
  return expect[name] as number;
}

function limits({ timeout_seconds }: Step) {
  return timeout_seconds === undefined ? {} : { timeoutSeconds: timeout_seconds };
}

function asked(json: unknown) {
  const { messages, $typeName: _, ...options } = fromJson(ChatRequestSchema, json as JsonValue);
  return [messages satisfies Conversation, options] as const;
}

async function counts(funland: Funland) {
  const { loaded } = await funland.models.getModel({ modelId: MODEL });
  return { active_sequences: loaded?.activeSequences, waiting_sequences: loaded?.waitingSequences };
}

async function fails({ expect_error: expected }: Step, made: Promise<unknown>): Promise<void> {
  const error = await made.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof FunlandError)) throw error ?? new Error("the call was to fail");
  same([error.code, error.reason], [expected?.code, expected?.reason]);
  same({ ...error.metadata, ...expected?.metadata }, { ...error.metadata });
  same(error.fieldViolations.map(({ field }) => field), expected?.fields ?? []);
  same(error.retryDelaySeconds !== undefined, expected?.retry_delay ?? false);
}

function same(found: unknown, expected: unknown): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new Error(`${a} is not ${b}`);
}

function holds(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}
