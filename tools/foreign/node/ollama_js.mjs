// Each method of Ollama's package for JavaScript that talks to a server.
import { Ollama } from "ollama";
import { ANSWER, CITY, MODEL, URL_, check, holds, same } from "./checks.mjs";

const client = new Ollama({ host: URL_ });
const messages = [{ role: "user", content: "Hello!" }];
const asked = { model: MODEL, messages, options: { temperature: 0 } };
const drain = async (stream) => { const parts = []; for await (const part of stream) parts.push(part); return parts; };
const fails = async (status, act) => {
  try {
    await act();
  } catch (error) {
    same(error.status_code, status);
    return;
  }
  throw new Error("it was answered");
};

await check("version", async () => holds((await client.version()).version));
await check("chat", async () => same((await client.chat(asked)).message.content, ANSWER));
await check("chat streamed", async () => {
  const parts = await drain(await client.chat({ ...asked, stream: true }));
  same(parts.map((part) => part.message.content).join(""), ANSWER);
  same(parts.at(-1).eval_count, 10);
});
await check("chat with a schema", async () => {
  const format = { type: "object", properties: { city: CITY }, required: ["city"] };
  holds(CITY.enum.includes(JSON.parse((await client.chat({ ...asked, format })).message.content).city));
});
await check("chat with what a tool gave", async () => {
  const tools = [{ type: "function", function: { name: "weather", description: "Tells the weather.", parameters: { type: "object", properties: { city: CITY } } } }];
  const said = [...messages, { role: "assistant", content: "", tool_calls: [{ function: { name: "weather", arguments: { city: "Paris" } } }] }, { role: "tool", tool_name: "weather", content: "sunny" }];
  holds((await client.chat({ ...asked, messages: said, tools })).message.content);
});
await check("generate", async () => same((await client.generate({ model: MODEL, prompt: "Hello!", options: asked.options })).response, ANSWER));
await check("generate streamed", async () => {
  const parts = await drain(await client.generate({ model: MODEL, prompt: "Hello!", options: asked.options, stream: true }));
  same(parts.map((part) => part.response).join(""), ANSWER);
});
await check("embed and embeddings", async () => {
  same((await client.embed({ model: MODEL, input: ["a", "b"] })).embeddings.map((each) => each.length), [256, 256]);
  same((await client.embeddings({ model: MODEL, prompt: "a" })).embedding.length, 256);
});
await check("list, show and ps", async () => {
  const named = ({ models }) => models.some((each) => each.name === `${MODEL}:latest`);
  holds(named(await client.list()) && named(await client.ps()));
  same((await client.show({ model: MODEL })).model_info["llama.context_length"], 1024);
});
await check("create of a model", async () => {
  await client.create({ model: "js-short", from: MODEL, system: "Be brief.", parameters: { num_predict: 2 } });
  same((await client.chat({ model: "js-short", messages })).eval_count, 2);
});
await check("copy and delete", async () => {
  await client.copy({ source: "js-short", destination: "me/js:v2" });
  same((await client.chat({ model: "me/js:v2", messages })).eval_count, 2);
  for (const model of ["js-short", "me/js:v2"]) same((await client.delete({ model })).status, "success");
});
await check("abort", async () => {
  const stream = await client.chat({ model: MODEL, messages: [{ role: "user", content: "Tell me a story." }], stream: true, options: { num_predict: 800 } });
  try {
    for await (const _ of stream) stream.abort();
  } catch (error) {
    same(error.name, "AbortError");
    return;
  }
  throw new Error("it went on to its end");
});
await check("an unknown model is an error with its status", () => fails(404, () => client.chat({ ...asked, model: "ghost" })));
await check("pull of what no hub has is an error with its status", () => fails(400, () => client.pull({ model: "a b" })));
await check("push", () => client.push({ model: MODEL }));
