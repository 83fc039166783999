// The Anthropic SDK for JavaScript, its loop of tools included.
import Anthropic from "@anthropic-ai/sdk";
import { betaTool } from "@anthropic-ai/sdk/helpers/beta/json-schema";
import { ANSWER, CITY, MODEL, URL_, check, holds, same } from "./checks.mjs";

const client = new Anthropic({ baseURL: URL_, apiKey: "none" });
const messages = [{ role: "user", content: "Hello!" }];
const asked = { model: MODEL, max_tokens: 120, messages, temperature: 0 };
const inputSchema = { type: "object", properties: { city: CITY }, required: ["city"] };
const tools = [{ name: "weather", description: "Tells the weather.", input_schema: inputSchema }];

await check("a message", async () => {
  const answer = await client.messages.create(asked);
  same([answer.content[0].text, answer.stop_reason, answer.usage.output_tokens], [ANSWER, "end_turn", 10]);
});
await check("a stream", async () => {
  const stream = client.messages.stream(asked);
  let text = "";
  stream.on("text", (part) => { text += part; });
  const final = await stream.finalMessage();
  same([text, final.content[0].text], [ANSWER, ANSWER]);
});
await check("a streamed call", async () => {
  const stream = client.messages.stream({ ...asked, tools, tool_choice: { type: "any" } });
  const call = (await stream.finalMessage()).content.find((block) => block.type === "tool_use");
  holds(CITY.enum.includes(call.input.city), call);
});
await check("the SDK's own loop makes five steps", async () => {
  const seen = [];
  const weather = betaTool({ name: "weather", description: "Tells the weather.", inputSchema, run: ({ city }) => { seen.push(city); return `It is sunny in ${city}.`; } });
  const runner = client.beta.messages.toolRunner({ ...asked, tools: [weather], tool_choice: { type: "any", disable_parallel_tool_use: true }, max_iterations: 5 });
  let steps = 0;
  for await (const _ of runner) steps += 1;
  same([steps, seen.length], [5, 5]);
});
await check("a schema", async () => {
  const schema = { ...inputSchema, additionalProperties: false };
  const answer = await client.messages.create({ ...asked, output_config: { format: { type: "json_schema", schema } } });
  holds(CITY.enum.includes(JSON.parse(answer.content[0].text).city), answer.content);
});
await check("tokens are counted", async () => {
  const { usage } = await client.messages.create(asked);
  same((await client.messages.countTokens({ model: MODEL, messages })).input_tokens, usage.input_tokens + usage.cache_read_input_tokens);
});
await check("models", async () => {
  holds((await client.models.list()).data.some((each) => each.id === MODEL));
});
await check("an unknown model is the SDK's own error", async () => {
  try {
    await client.messages.create({ ...asked, model: "ghost" });
  } catch (error) {
    if (!(error instanceof Anthropic.NotFoundError)) throw error;
    return;
  }
  throw new Error("it was answered");
});
