/** What a failed call throws, whatever wire it went over. */

import { Code, ConnectError } from "@connectrpc/connect";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";
import type { ErrorReason } from "./gen/funland/v1/errors_pb.js";

/** Why a call failed: the contract's reasons. A newer server may have others. */
export type Reason = keyof typeof ErrorReason;

/** A canonical status code by its name in the contract. */
export type StatusCode =
  | "CANCELLED"
  | "UNKNOWN"
  | "INVALID_ARGUMENT"
  | "DEADLINE_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "PERMISSION_DENIED"
  | "RESOURCE_EXHAUSTED"
  | "FAILED_PRECONDITION"
  | "ABORTED"
  | "OUT_OF_RANGE"
  | "UNIMPLEMENTED"
  | "INTERNAL"
  | "UNAVAILABLE"
  | "DATA_LOSS"
  | "UNAUTHENTICATED";

/** A field of the request that breaks a rule. */
export interface FieldViolation {
  /** Its path, such as `messages[0].role`. */
  readonly field: string;
  /** The rule, and how to keep it. */
  readonly description: string;
}

const NAMES: Readonly<Record<Code, StatusCode>> = {
  [Code.Canceled]: "CANCELLED",
  [Code.Unknown]: "UNKNOWN",
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "ALREADY_EXISTS",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.FailedPrecondition]: "FAILED_PRECONDITION",
  [Code.Aborted]: "ABORTED",
  [Code.OutOfRange]: "OUT_OF_RANGE",
  [Code.Unimplemented]: "UNIMPLEMENTED",
  [Code.Internal]: "INTERNAL",
  [Code.Unavailable]: "UNAVAILABLE",
  [Code.DataLoss]: "DATA_LOSS",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
};

/** What no server said, but the client or the line between: the contract's reason for it. */
const OF_THE_LINE: Partial<Record<StatusCode, Reason>> = {
  CANCELLED: "CALLER_GONE",
  DEADLINE_EXCEEDED: "DEADLINE_PASSED",
  UNAVAILABLE: "SERVER_UNREACHABLE",
};

/** What is known of a failure. */
export interface Failure {
  readonly code: StatusCode;
  readonly reason: Reason;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly fieldViolations?: readonly FieldViolation[];
  readonly retryDelaySeconds?: number | undefined;
  readonly requestId?: string;
}

/** A call that failed. `reason` is for programs, `message` for people. */
export class FunlandError extends Error {
  override readonly name = "FunlandError";
  /** The canonical status code, such as `NOT_FOUND`. */
  readonly code: StatusCode;
  /** Why; `ERROR_REASON_UNSPECIFIED` if neither the server nor the line told. */
  readonly reason: Reason;
  /** The reason's details, such as the `model`: see `docs/errors.md`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** The fields that are wrong. */
  readonly fieldViolations: readonly FieldViolation[];
  /** How long the server asks to wait before another try; undefined: it does not. */
  readonly retryDelaySeconds: number | undefined;
  /** The call's id in the server's log; empty if no server answered. */
  readonly requestId: string;

  constructor(message: string, failure: Failure, cause?: unknown) {
    super(message, { cause });
    this.code = failure.code;
    this.reason = failure.reason;
    this.metadata = failure.metadata ?? {};
    this.fieldViolations = failure.fieldViolations ?? [];
    this.retryDelaySeconds = failure.retryDelaySeconds;
    this.requestId = failure.requestId ?? "";
  }

  /** Whether the same call may succeed a little later. */
  get retryable(): boolean {
    return this.code === "UNAVAILABLE" || this.retryDelaySeconds !== undefined;
  }

  /** Makes one of whatever a call threw. */
  static from(thrown: unknown): FunlandError {
    if (thrown instanceof FunlandError) return thrown;
    const error = ConnectError.from(thrown);
    const code = NAMES[error.code];
    const info = error.findDetails(ErrorInfoSchema).find((each) => each.domain === "funland");
    const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
    const failure: Failure = {
      code,
      reason: (info?.reason as Reason | undefined) ?? OF_THE_LINE[code] ?? "ERROR_REASON_UNSPECIFIED",
      metadata: info?.metadata ?? {},
      fieldViolations: error.findDetails(BadRequestSchema).flatMap((each) =>
        each.fieldViolations.map(({ field, description }) => ({ field, description })),
      ),
      retryDelaySeconds: delay && Number(delay.seconds) + delay.nanos / 1e9,
      requestId: error.findDetails(RequestInfoSchema)[0]?.requestId ?? "",
    };
    return new FunlandError(error.rawMessage || code, failure, thrown);
  }
}
