/** Answers a question as it is written: `node dist/examples/chat.js "Tell me a story."` */

import { connect, FunlandError } from "@funland/client";

const funland = connect({ timeoutSeconds: 60 });
try {
  const stream = funland.stream(process.argv[2] ?? "Hello!", { sampling: { temperature: 0 } });
  for await (const text of stream) process.stdout.write(text);
  console.log(`\n${stream.finish?.usage?.completionTokens} tokens by ${stream.model}`);
} catch (error) {
  if (!(error instanceof FunlandError)) throw error;
  console.error(`${error.reason}: ${error.message}`);
  process.exitCode = 1;
} finally {
  funland.close();
}
