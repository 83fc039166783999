// openai for JavaScript: chats, responses, vectors, files and batches.
import OpenAI, { toFile } from "openai";
import { zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { ANSWER, CITY, MODEL, URL_, check, holds, same } from "./checks.mjs";

const client = new OpenAI({ baseURL: `${URL_}/v1`, apiKey: "none" });
const messages = [{ role: "user", content: "Hello!" }];
const asked = { model: MODEL, messages, temperature: 0 };
const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.",
  parameters: { type: "object", properties: { city: CITY }, required: ["city"] } } }];

await check("chat", async () => {
  const answer = await client.chat.completions.create(asked);
  same(answer.choices[0].message.content, ANSWER);
  same(answer.usage.completion_tokens, 10);
});
await check("chat streamed, with usage", async () => {
  let text = "", usage;
  for await (const chunk of await client.chat.completions.create({ ...asked, stream: true, stream_options: { include_usage: true } })) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  same([text, usage.completion_tokens], [ANSWER, 10]);
});
await check("the helper chat.completions.stream", async () => {
  const stream = client.chat.completions.stream(asked);
  same((await stream.finalChatCompletion()).choices[0].message.content, ANSWER);
});
await check("a forced call, streamed by the helper", async () => {
  const stream = client.chat.completions.stream({ ...asked, tools, tool_choice: "required", parallel_tool_calls: false });
  const [call] = (await stream.finalChatCompletion()).choices[0].message.tool_calls;
  holds(CITY.enum.includes(JSON.parse(call.function.arguments).city), call);
});
await check("the helper runTools makes two steps", async () => {
  const seen = [];
  const runner = client.chat.completions.runTools({ ...asked, tool_choice: { type: "function", function: { name: "weather" } },
    tools: [{ type: "function", function: { ...tools[0].function, parse: JSON.parse, function: ({ city }) => { seen.push(city); return `It is sunny in ${city}.`; } } }] });
  await runner.done();
  holds(seen.length === 1 && runner.messages.some((each) => each.role === "tool"), runner.messages);
});
await check("parse with zod", async () => {
  const Pet = z.object({ kind: z.enum(["cat", "dog"]), name: z.enum(["Felix", "Ruby"]) });
  const answer = await client.chat.completions.parse({ ...asked, response_format: zodResponseFormat(Pet, "pet") });
  Pet.parse(answer.choices[0].message.parsed);
});
await check("n and logprobs", async () => {
  const answer = await client.chat.completions.create({ ...asked, n: 2, logprobs: true, top_logprobs: 2, max_tokens: 3 });
  same(answer.choices.map((each) => each.logprobs.content.length), [3, 3]);
});
await check("responses", async () => {
  const answer = await client.responses.create({ model: MODEL, input: "Hello!", temperature: 0 });
  same(answer.output_text, ANSWER);
});
await check("responses streamed", async () => {
  const stream = client.responses.stream({ model: MODEL, input: "Hello!", temperature: 0 });
  same((await stream.finalResponse()).output_text, ANSWER);
});
await check("responses go on by their ids", async () => {
  const first = await client.responses.create({ model: MODEL, input: "My name is Anna.", temperature: 0 });
  const next = await client.responses.create({ model: MODEL, input: "What is my name?", previous_response_id: first.id, temperature: 0 });
  holds(next.output_text.includes("Anna"), next.output_text);
});
await check("completions of text and of tokens", async () => {
  const said = await client.completions.create({ model: MODEL, prompt: ["Once upon", [318, 257]], max_tokens: 4, temperature: 0 });
  same(said.choices.length, 2);
});
await check("embeddings, base64 underneath", async () => {
  const { data } = await client.embeddings.create({ model: MODEL, input: ["a", "b"] });
  same(data.map((each) => each.embedding.length), [256, 256]);
});
await check("embeddings of tokens", async () => {
  same((await client.embeddings.create({ model: MODEL, input: [[1, 2, 3]] })).data.length, 1);
});
await check("models", async () => {
  holds((await client.models.list()).data.some((each) => each.id === MODEL));
  same((await client.models.retrieve(MODEL)).id, MODEL);
});
await check("files and batches", async () => {
  const line = JSON.stringify({ custom_id: "a", method: "POST", url: "/v1/chat/completions", body: asked });
  const file = await client.files.create({ file: await toFile(Buffer.from(line), "in.jsonl"), purpose: "batch" });
  let batch = await client.batches.create({ input_file_id: file.id, endpoint: "/v1/chat/completions", completion_window: "24h" });
  while (!["completed", "failed"].includes(batch.status)) batch = await client.batches.retrieve(batch.id);
  const text = await (await client.files.content(batch.output_file_id)).text();
  same(JSON.parse(text.split("\n")[0]).response.body.choices[0].message.content, ANSWER);
});
await check("speech", async () => {
  const sound = await client.audio.speech.create({ model: "tts-1", voice: "alloy", input: "Hello there.", response_format: "wav" });
  holds((await sound.arrayBuffer()).byteLength > 10000);
});
await check("a picture", async () => {
  const { data } = await client.images.generate({ prompt: "a red circle", size: "64x64", response_format: "b64_json" });
  holds(data[0].b64_json.length > 100);
});
await check("an unknown model is the client's own error", async () => {
  try {
    await client.chat.completions.create({ ...asked, model: "ghost" });
  } catch (error) {
    if (!(error instanceof OpenAI.NotFoundError)) throw error;
    return;
  }
  throw new Error("it was answered");
});
await check("moderations", () => client.moderations.create({ input: "a" }));
