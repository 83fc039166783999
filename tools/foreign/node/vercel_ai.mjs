// The Vercel AI SDK, by its providers for OpenAI (chat and responses), compatible servers and Anthropic.
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import * as ai from "ai";
import { z } from "zod";
import { ANSWER, MODEL, URL_, check, holds, same } from "./checks.mjs";

const { embedMany, generateText, jsonSchema, streamText, tool } = ai;
const openai = createOpenAI({ baseURL: `${URL_}/v1`, apiKey: "none" });
const compatible = createOpenAICompatible({ name: "funland", baseURL: `${URL_}/v1`, supportsStructuredOutputs: true, includeUsage: true });
const anthropic = createAnthropic({ baseURL: `${URL_}/v1`, apiKey: "none" });
const Pet = z.object({ kind: z.enum(["cat", "dog"]), name: z.enum(["Felix", "Ruby"]) });
const city = jsonSchema({ type: "object", properties: { city: { enum: ["Paris", "Rome"] } }, required: ["city"] });

const models = { chat: openai.chat(MODEL), responses: openai.responses(MODEL), compatible: compatible(MODEL), anthropic: anthropic(MODEL) };
for (const [api, model] of Object.entries(models)) {
  const asked = { model, temperature: 0, maxRetries: 0, maxOutputTokens: 80, prompt: "Hello!" };
  await check(`${api}: text`, async () => {
    const { text, usage } = await generateText(asked);
    same([text, usage.outputTokens], [ANSWER, 10]);
  });
  await check(`${api}: a stream`, async () => {
    const result = streamText({ ...asked, onError: ({ error }) => { throw error; } });
    let text = "";
    for await (const part of result.textStream) text += part;
    same([text, (await result.usage).outputTokens], [ANSWER, 10]);
  });
  await check(`${api}: a call and its result, five steps`, async () => {
    const seen = [];
    const weather = tool({ description: "Tells the weather.", inputSchema: city, execute: ({ city }) => { seen.push(city); return `It is sunny in ${city}.`; } });
    const { steps } = await generateText({ ...asked, tools: { weather }, toolChoice: "required", stopWhen: ai.stepCountIs?.(5) ?? ai.isStepCount(5) });
    holds(steps.length === 5 && seen.length >= 5, [steps.length, seen]);
  });
  await check(`${api}: a streamed call`, async () => {
    const weather = tool({ description: "Tells the weather.", inputSchema: city });
    const result = streamText({ ...asked, tools: { weather }, toolChoice: { type: "tool", toolName: "weather" } });
    await result.consumeStream();
    holds((await result.toolCalls)[0].input.city, await result.toolCalls);
  });
  await check(`${api}: an object`, async () => {
    const { output } = await generateText({ ...asked, output: ai.Output.object({ schema: Pet }) });
    Pet.parse(output);
  });
  await check(`${api}: an object as a stream`, async () => {
    const result = streamText({ ...asked, output: ai.Output.object({ schema: Pet }) });
    let last;
    for await (const part of result.partialOutputStream) last = part;
    Pet.parse(last);
  });
  await check(`${api}: a conversation`, async () => {
    const said = [{ role: "user", content: "My name is Anna." }, { role: "assistant", content: "Nice to meet you, Anna!" }, { role: "user", content: "What is my name?" }];
    const { text } = await generateText({ ...asked, prompt: undefined, messages: said });
    holds(text.includes("Anna"), text);
  });
}
for (const [api, model] of Object.entries({ openai: openai.embedding(MODEL), compatible: compatible.embeddingModel(MODEL) })) {
  await check(`${api}: vectors`, async () => {
    const { embeddings } = await embedMany({ model, values: ["a", "b"], maxRetries: 0 });
    same(embeddings.map((each) => each.length), [256, 256]);
  });
}
await check("compatible: a completion", async () => {
  const { text } = await generateText({ model: compatible.completionModel(MODEL), prompt: "Once upon", maxOutputTokens: 5, temperature: 0 });
  holds(text.length > 0);
});
