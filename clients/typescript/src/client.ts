/** A connection to a Funland server, over whichever wire. */

import type { DescService, MessageInitShape } from "@bufbuild/protobuf";
import type { Transport } from "@connectrpc/connect";

import { type Conversation, messagesOf } from "./conversation.js";
import {
  type ChatRequestSchema,
  type ChatResponse,
  type EmbedRequestSchema,
  InferenceService,
} from "./gen/funland/v1/inference_pb.js";
import { type Model, ModelService } from "./gen/funland/v1/models_pb.js";
import { type CallOptions, type ServiceClient, serviceClient } from "./service.js";
import { TextStream } from "./texts.js";

/** What a chat may have besides its messages: the fields of `funland.v1.ChatRequest`. */
export type ChatOptions = Omit<MessageInitShape<typeof ChatRequestSchema>, "messages" | "$typeName">;

/** What embedding may have besides its texts: the fields of `funland.v1.EmbedRequest`. */
export type EmbedOptions = Omit<MessageInitShape<typeof EmbedRequestSchema>, "inputs" | "$typeName">;

/**
 * Local AI over one typed contract. Answers are the contract's messages, and what fails throws a
 * `FunlandError`. An empty or missing `model` is the server's default model.
 */
export class Funland {
  /** All that models do: `Generate`, `Chat`, `Embed`, `Rerank`, `Tokenize`, and their streams. */
  readonly inference: ServiceClient<typeof InferenceService>;
  /** The installed models. */
  readonly models: ServiceClient<typeof ModelService>;
  readonly #transport: Transport;
  readonly #defaults: CallOptions;
  readonly #close: () => void;

  /** Programs call `connect` of `@funland/client` or of `@funland/client/rest`. */
  constructor(transport: Transport, defaults: CallOptions, close: () => void) {
    this.#transport = transport;
    this.#defaults = defaults;
    this.#close = close;
    this.inference = this.service(InferenceService);
    this.models = this.service(ModelService);
  }

  /** Any service of the contract: `funland.service(SessionService)`, from `@funland/client/contract/sessions`. */
  service<S extends DescService>(service: S): ServiceClient<S> {
    return serviceClient(service, this.#transport, this.#defaults);
  }

  /** Answers a message, or a conversation, when the answer is complete. */
  async chat(conversation: Conversation, options: ChatOptions = {}, call: CallOptions = {}): Promise<ChatResponse> {
    return await this.inference.chat({ ...options, messages: messagesOf(conversation) }, call);
  }

  /** As `chat`, but gives the text as it comes. */
  stream(conversation: Conversation, options: ChatOptions = {}, call: CallOptions = {}): TextStream {
    return new TextStream(this.inference.streamChat({ ...options, messages: messagesOf(conversation) }, call));
  }

  /** Makes a vector of each text. */
  async embed(texts: readonly string[], options: EmbedOptions = {}, call: CallOptions = {}): Promise<number[][]> {
    const { embeddings } = await this.inference.embed({ ...options, inputs: [...texts] }, call);
    return embeddings.map((each) => each.values);
  }

  /** All installed models. */
  async listModels(call: CallOptions = {}): Promise<Model[]> {
    const all: Model[] = [];
    let pageToken = "";
    do {
      const page = await this.models.listModels({ pageToken }, call);
      all.push(...page.models);
      pageToken = page.nextPageToken;
    } while (pageToken);
    return all;
  }

  /** Ends the connection, and all calls on it. */
  close(): void {
    this.#close();
  }
}
