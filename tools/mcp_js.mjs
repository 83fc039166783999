// Calls the tools of a running service by npm's MCP SDK:
// npm install @modelcontextprotocol/sdk@1.32.2; node tools/mcp_js.mjs http://127.0.0.1:8000/mcp
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
const transport = new StreamableHTTPClientTransport(new URL(process.argv[2]));
const client = new Client({ name: "mcp_js", version: "1.0.0" });
const show = (name, value) => console.log(name.padEnd(17), JSON.stringify(value));
const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);
const kinds = (result) => result.content.map((part) => [part.type, part.mimeType, (part.data ?? part.text).length > 0]);

await client.connect(transport);
show("server", [client.getServerVersion().name, transport.protocolVersion, client.getServerCapabilities()]);
await client.ping();
const { tools } = await client.listTools(); // it compiles the schemas of what they give, and checks each result
show("tools", tools.length);
show("ask first", tools.filter((tool) => !tool.annotations.readOnlyHint).map((tool) => tool.name));
const messages = [{ role: "USER", content: "Hello!" }];
const chat = await call("chat", { messages, temperature: 0 });
show("chat", [chat.content[0].text, chat.structuredContent.finish_reason]);
const news = [];
const story = [{ role: "USER", content: "Tell me a story." }];
await call("chat", { messages: story, temperature: 0 }, { onprogress: (each) => news.push(each.progress) });
show("progress", [news.length > 0, news.every((each, index) => index === 0 || each > news[index - 1])]);
show("generate", (await call("generate", { prompt: "Once", temperature: 0, max_tokens: 5 })).structuredContent.completion_tokens);
show("embed", (await call("embed", { inputs: ["a", "b"] })).structuredContent.embeddings.map((each) => each.values.length));
show("rerank", (await call("rerank", { query: "a", documents: ["x", "y"] })).structuredContent.results.length);
show("generate_image", kinds(await call("generate_image", { prompt: "a red circle", seed: 7 })));
const spoken = await call("synthesize_speech", { text: "Hello there." });
show("synthesize_speech", kinds(spoken));
show("transcribe", (await call("transcribe", { audio: spoken.content[0].data })).content[0].text);
for (const name of ["list_models", "list_voices", "list_devices", "list_downloads", "get_storage"])
  show(name, Object.keys((await call(name, {})).structuredContent));
show("get_model", (await call("get_model", { model_id: "funland-tiny" })).structuredContent.kind);
show("estimate_model", (await call("estimate_model", { model_id: "funland-tiny" })).structuredContent.fits);
const aborted = new AbortController();
const long = { messages: story, temperature: 0, max_tokens: 100000 };
await call("chat", long, { signal: aborted.signal, onprogress: () => aborted.abort("enough") })
  .then(() => show("abort", "no error"), (error) => show("abort", error.message));
for (const [name, args] of [
  ["chat", { messages: "Hello!" }], ["chat", { mesages: [] }], ["chat", { messages, temperature: 9 }],
  ["get_model", { model_id: "ghost" }], ["get_download", { download_id: "ghost" }], ["ghost", {}],
]) show(name, (await call(name, args)).content[0].text);
await client.request({ method: "prompts/list" }, {}).catch((error) => show("prompts/list", [error.code, error.message]));
await client.close();
