/** Conversations, as TypeScript's own values and as the contract's messages. */

import type { MessageInitShape } from "@bufbuild/protobuf";

import { Message_Role, type MessageSchema } from "./gen/funland/v1/inference_pb.js";

type MessageInit = MessageInitShape<typeof MessageSchema>;

/** Who speaks. */
export type Role = "system" | "user" | "assistant" | "tool";

/** One message of a conversation; its role may be a word. */
export type ChatMessage = Omit<MessageInit, "role" | "$typeName"> & { readonly role: Role | Message_Role };

/** What `chat` answers: one message of the user, or the whole conversation, oldest first. */
export type Conversation = string | readonly ChatMessage[];

const ROLES: Readonly<Record<Role, Message_Role>> = {
  system: Message_Role.SYSTEM,
  user: Message_Role.USER,
  assistant: Message_Role.ASSISTANT,
  tool: Message_Role.TOOL,
};

/** Makes the contract's messages of a conversation. */
export function messagesOf(conversation: Conversation): MessageInit[] {
  if (typeof conversation === "string") return [{ role: Message_Role.USER, content: conversation }];
  return conversation.map(({ role, ...message }) => ({
    ...message,
    role: typeof role === "string" ? ROLES[role] : role,
  }));
}
