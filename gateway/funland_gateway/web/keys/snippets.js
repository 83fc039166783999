// How programs call this server. Pure.
export const LANGUAGES = { curl: "curl", python: "Python", typescript: "TypeScript", openai: "OpenAI SDK", cli: "funland" };

/** `key` is a secret, `$FUNLAND_KEY` for one that is in that variable, or "" where none is needed. */
export function snippet(language, { origin, model, key }) {
  return WRITERS[language]({ origin, model, key });
}

const fromVariable = (key) => key.startsWith("$");
const body = (model, space = " ") => `{"model":${space}"${model}",${space}"messages":${space}[{"role":${space}"USER",${space}"content":${space}"Hello!"}]}`;

const WRITERS = {
  curl: ({ origin, model, key }) =>
    [
      `curl ${origin}/funland/v1/chat`,
      ...(key ? [`-H "authorization: Bearer ${key}"`] : []),
      "-H 'content-type: application/json'",
      `-d '${body(model)}'`,
    ].join(" \\\n  "),

  python: ({ model, key }) => `from funland_client import Funland

with Funland(${key && !fromVariable(key) ? `key="${key}"` : ""}) as client:${fromVariable(key) ? "  # takes FUNLAND_KEY" : ""}
    answer = client.chat("Hello!", model="${model}")
    print(answer.text)
`,

  typescript: ({ origin, model, key }) => `const response = await fetch("${origin}/funland/v1/chat", {
  method: "POST",
  headers: {
    "content-type": "application/json",${key ? `\n    authorization: ${fromVariable(key) ? "`Bearer ${process.env.FUNLAND_KEY}`" : `"Bearer ${key}"`},` : ""}
  },
  body: JSON.stringify({
    model: "${model}",
    messages: [{ role: "USER", content: "Hello!" }],
  }),
});
const answer = await response.json();
console.log(answer.message.content);
`,

  openai: ({ origin, model, key }) => `from openai import OpenAI
${fromVariable(key) ? "import os\n" : ""}
client = OpenAI(base_url="${origin}/v1", api_key=${fromVariable(key) ? 'os.environ["FUNLAND_KEY"]' : `"${key || "none"}"`})
answer = client.chat.completions.create(
    model="${model}",
    messages=[{"role": "user", "content": "Hello!"}],
)
print(answer.choices[0].message.content)
`,

  cli: ({ model, key }) => `${key && !fromVariable(key) ? `export FUNLAND_KEY=${key}\n` : ""}funland chat --model ${model} "Hello!"
`,
};
