// Runs what a client is to do, and prints a line of JSON for each. The service is at SERVICE_URL.
export const URL_ = process.env.SERVICE_URL ?? "http://127.0.0.1:8000";
export const MODEL = "funland-tiny";
export const ANSWER = "Hello! How can I help you today?";
export const CITY = { type: "string", enum: ["Paris", "Rome"] };

export async function check(name, act) {
  const line = { name, outcome: "passed" };
  try {
    await act();
  } catch (error) {
    Object.assign(line, { outcome: "failed", error: `${error?.name}: ${error?.message}`.slice(0, 400) });
  }
  console.log(JSON.stringify(line));
}

export function same(found, wanted) {
  if (JSON.stringify(found) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(found)} is not ${JSON.stringify(wanted)}`);
}

export function holds(condition, found) {
  if (!condition) throw new Error(`not so: ${JSON.stringify(found)}`);
}
