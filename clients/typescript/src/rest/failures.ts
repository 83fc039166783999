/** The REST API's errors as those of a gRPC call, details included. */

import { fromJson, type JsonObject, type JsonValue } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { ErrorSchema } from "../gen/funland/v1/errors_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../gen/google/rpc/error_details_pb.js";

const CODES = new Map(
  Object.entries(Code).flatMap(([name, code]) =>
    typeof code === "number" ? [[name === "Canceled" ? "CANCELLED" : constantCase(name), code] as const] : [],
  ),
);

/** By its status, where an answer has no error of Funland's: a proxy made it. */
const OF_STATUS: Readonly<Record<number, Code>> = {
  400: Code.Internal,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  404: Code.Unimplemented,
  429: Code.Unavailable,
  502: Code.Unavailable,
  503: Code.Unavailable,
  504: Code.Unavailable,
};

/** Makes an error of `{"error": {...}}`; of anything else by the HTTP status that it came with. */
export function failureOf(body: string, status: number): ConnectError {
  const error = errorIn(body);
  if (!error) {
    return new ConnectError(`The answer is HTTP ${status}, and none of Funland's.`, OF_STATUS[status] ?? Code.Unknown);
  }
  const told = fromJson(ErrorSchema, error, { ignoreUnknownFields: true });
  const reason = typeof error["reason"] === "string" ? error["reason"] : "";
  return new ConnectError(told.message, CODES.get(told.code) ?? Code.Unknown, undefined, [
    ...(reason && reason !== "ERROR_REASON_UNSPECIFIED"
      ? [{ desc: ErrorInfoSchema, value: { domain: "funland", reason, metadata: told.metadata } }]
      : []),
    ...(told.fieldViolations.length
      ? [{
          desc: BadRequestSchema,
          value: {
            fieldViolations: told.fieldViolations.map(({ field, description }) => ({ field, description })),
          },
        }]
      : []),
    ...(told.retryDelay ? [{ desc: RetryInfoSchema, value: { retryDelay: told.retryDelay } }] : []),
    { desc: RequestInfoSchema, value: { requestId: told.requestId } },
  ]);
}

function errorIn(body: string): JsonObject | undefined {
  try {
    return objectOf(objectOf(JSON.parse(body) as JsonValue)?.["error"]);
  } catch {
    return undefined;
  }
}

function objectOf(value: JsonValue | undefined): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? value : undefined;
}

function constantCase(name: string): string {
  return name.replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
