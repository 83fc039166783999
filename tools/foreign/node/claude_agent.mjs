// The Claude Agent SDK, whose agent talks to whatever ANTHROPIC_BASE_URL names. It has a home and an environment of its own.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { createSdkMcpServer, query, tool } from "@anthropic-ai/claude-agent-sdk";
import { z } from "zod";
import { URL_, check, holds, same } from "./checks.mjs";

const home = mkdtempSync(`${tmpdir()}/claude-agent-`);
const agent = async (prompt, body, options) => {
  const env = { PATH: process.env.PATH, HOME: home, ANTHROPIC_BASE_URL: URL_, ANTHROPIC_API_KEY: "none",
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1", CLAUDE_CODE_MAX_OUTPUT_TOKENS: "120",
    CLAUDE_CODE_EXTRA_BODY: JSON.stringify({ temperature: 0, ...body }) };
  // Its own prompt and its tools' descriptions are longer than the context of funland-tiny: this one is the same
  // weights with more.
  const model = "funland-tiny-wide";
  const events = [];
  try {
    for await (const event of query({ prompt, options: { model, systemPrompt: "Be brief.", tools: [], settingSources: [], maxTurns: 1, env, cwd: home, ...options } })) events.push(event);
  } catch (error) {
    // After the last turn that it may take it throws beside its result.
    if (!events.some((event) => event.type === "result")) throw error;
  }
  return events;
};
const result = (events) => events.find((event) => event.type === "result");

await check("it answers", async () => {
  const ended = result(await agent("Hello!", {}, {}));
  holds(ended.subtype === "success" && ended.result.length > 0 && ended.usage.output_tokens > 0, ended);
});
await check("it tells of an answer as it comes", async () => {
  const events = await agent("Hello!", {}, { includePartialMessages: true });
  const kinds = new Set(events.filter((each) => each.type === "stream_event").map((each) => each.event.type));
  same(["message_start", "content_block_delta", "message_stop"].filter((kind) => kinds.has(kind)).length, 3);
});
await check("five steps of tools", async () => {
  const seen = [];
  const weather = tool("weather", "Tells the weather.", { city: z.enum(["Paris", "Rome"]) }, async ({ city }) => {
    seen.push(city);
    return { content: [{ type: "text", text: `It is sunny in ${city}.` }] };
  });
  const name = "mcp__sky__weather";
  const events = await agent("How is the weather?", { tool_choice: { type: "tool", name, disable_parallel_tool_use: true } },
    { mcpServers: { sky: createSdkMcpServer({ name: "sky", tools: [weather] }) }, allowedTools: [name], maxTurns: 5 });
  same([seen.length, result(events).num_turns >= 5], [5, true]);
});
