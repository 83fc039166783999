// What can go wrong with a call.
//
// Error
// ├── ApiError    the server says no, and why
// └── LostError   nobody answers, or not to the end

export class ApiError extends Error {
  /** `error` is the contract's `Error`, or what a proxy made of it. */
  constructor(error, status = 0, requestId = "") {
    super(error.message || `HTTP ${status}`);
    this.name = "ApiError";
    this.code = error.code ?? "";
    this.reason = error.reason ?? error.details?.find((each) => each.reason)?.reason ?? "";
    this.requestId = error.request_id || requestId;
    this.violations = error.field_violations ?? [];
    this.metadata = error.metadata ?? {};
    this.status = status;
  }
}

export class LostError extends Error {
  constructor(message = "The server can't be reached.") {
    super(message);
    this.name = "LostError";
  }
}

export const isAbort = (problem) => problem?.name === "AbortError";

/** A problem as text to pass on: all that helps whoever is asked about it. */
export function asText(problem) {
  const lines = [problem.message];
  if (problem.reason) lines.push(`reason: ${problem.reason}`);
  for (const each of problem.violations ?? []) lines.push(`${each.field}: ${each.description}`);
  if (problem.requestId) lines.push(`request: ${problem.requestId}`);
  return lines.join("\n");
}
