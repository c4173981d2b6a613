import { status as grpcStatus } from '@grpc/grpc-js';
import type { StatusObject } from '@grpc/grpc-js';

import { Status } from './generated/google/rpc/status.js';
import {
  BadRequest,
  ErrorInfo,
  ResourceInfo,
  RetryInfo,
} from './generated/google/rpc/error_details.js';
import { UploadFailure } from './generated/lakefs_staging/v1/staging.js';
import type { ObjectStats } from './object-stats.js';
import { toObjectStats } from './object-stats.js';
import type { Advice, Outcome } from './outcome.js';
import { toAdvice, toOutcome } from './outcome.js';

/** A code of gRPC, by its name. */
export type Code = keyof typeof grpcStatus;

/** One thing that is wrong with a request. */
export interface FieldViolation {
  /** Path of the field in the gateway's .proto, such as `header.object.path`. */
  readonly field: string;
  /** What is wrong with it. */
  readonly description: string;
}

/** What was not found. */
export interface Resource {
  /** Its kind, such as `repository`. */
  readonly type: string;
  /** Its name. */
  readonly name: string;
}

/** All that is known about a call that failed, as {@link StagingError} shows it. */
export interface StagingErrorDetails {
  code: Code;
  reason: string;
  domain?: string;
  message: string;
  outcome?: Outcome | undefined;
  advice?: Advice | undefined;
  retryAfterMs?: number | undefined;
  violations?: readonly FieldViolation[];
  resource?: Resource | undefined;
  object?: ObjectStats | undefined;
  metadata?: Readonly<Record<string, string>>;
  cause?: unknown;
  /** Whether it was ended from this side. */
  isOurs?: boolean;
}

/**
 * A call that failed, with what is known of its outcome and what to do next.
 *
 * Every error of this package is one, but for those of your own: what a source, a
 * callback or the objects of {@link Client.uploadMany} throw reaches you as it was
 * thrown. None holds a secret.
 */
export class StagingError extends Error {
  /** The name of its class; `AbortError` of a {@link CancelledError}. */
  override name = 'StagingError';

  /** The code of gRPC, such as `UNAVAILABLE`. */
  readonly code: Code;
  /**
   * The cause, for programs to match on, such as `BRANCH_LOCKED`: the gateway's,
   * or one of this package's own.
   */
  readonly reason: string;
  /** Whose reason it is: `lakefs.staging`, or `lakefs.staging.client` for ours. */
  readonly domain: string;
  /**
   * What is known of the upload or link: `NOT_COMMITTED`, or `UNKNOWN` where
   * neither side can tell. `undefined` for calls that link nothing.
   */
  readonly outcome: Outcome | undefined;
  /** What to do about it; `undefined` where nothing was said. */
  readonly advice: Advice | undefined;
  /** How long to wait before the same call again, in ms, if the gateway told. */
  readonly retryAfterMs: number | undefined;
  /** All that is wrong with the request; empty unless that is the reason. */
  readonly violations: readonly FieldViolation[];
  /** What was not found. */
  readonly resource: Resource | undefined;
  /** The object that stands in the way, with OBJECT_EXISTS and OBJECT_CHANGED. */
  readonly object: ObjectStats | undefined;
  /** What else the gateway told; `callId` is in the line of its log. */
  readonly metadata: Readonly<Record<string, string>>;
  /**
   * The id by which {@link Client.outcome} tells what became of the upload;
   * `undefined` where it has none.
   */
  readonly requestId: string | undefined;
  /** Calls of the gateway that were made for it; 0 if it did not come to one. */
  readonly attempts: number;

  /** @internal */
  constructor(details: StagingErrorDetails, requestId?: string, attempts = 0) {
    super(
      wordsOf(details, requestId),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.code = details.code;
    this.reason = details.reason;
    this.domain = details.domain ?? CLIENT_DOMAIN;
    this.outcome = details.outcome;
    this.advice = details.advice;
    this.retryAfterMs = details.retryAfterMs;
    this.violations = details.violations ?? [];
    this.resource = details.resource;
    this.object = details.object;
    this.metadata = details.metadata ?? {};
    this.requestId = requestId;
    this.attempts = attempts;
  }

  /** Whether the same upload may succeed later, by the advice. */
  get retryable(): boolean {
    return this.advice === 'RETRY_CALL' || this.advice === 'RESTART';
  }

  /** Whether it is certain that nothing was linked. */
  get nothingLinked(): boolean {
    return this.outcome === 'NOT_COMMITTED';
  }
}

/** `ifAbsent`, and an object stands at the path: `object`. */
export class ObjectExistsError extends StagingError {
  /** @internal */
  override name = 'ObjectExistsError';
}

/** `ifMatch`, and what stands at the path is not that: `object`, or nothing. */
export class ObjectChangedError extends StagingError {
  /** @internal */
  override name = 'ObjectChangedError';
}

/** No such repository or branch, or nothing is known of a request id. */
export class NotFoundError extends StagingError {
  /** @internal */
  override name = 'NotFoundError';
}

/** The user may not do this, or the credentials were refused. */
export class PermissionDeniedError extends StagingError {
  /** @internal */
  override name = 'PermissionDeniedError';
}

/** The request is wrong; `violations` lists how, where the gateway told. */
export class InvalidRequestError extends StagingError {
  /** @internal */
  override name = 'InvalidRequestError';
}

/** The bytes are not those that were announced: their checksum or their size. */
export class IntegrityError extends StagingError {
  /** @internal */
  override name = 'IntegrityError';
}

/**
 * Nobody can tell whether the object was linked; {@link Client.outcome} may later,
 * by `requestId`.
 */
export class OutcomeUnknownError extends StagingError {
  /** @internal */
  override name = 'OutcomeUnknownError';
}

/**
 * The call was ended from this side: by its `AbortSignal`, whose reason is the
 * `cause`, by `destroy()` of its stream, or with its client. Its name is
 * `AbortError`, as Node's own have it; the outcome may be `UNKNOWN`.
 */
export class CancelledError extends StagingError {
  /** @internal */
  override name = 'AbortError';
}

const CLIENT_DOMAIN = 'lakefs.staging.client';
const GATEWAY_DOMAIN = 'lakefs.staging';

const CLASS_BY_REASON: Readonly<Record<string, typeof StagingError>> = {
  OBJECT_EXISTS: ObjectExistsError,
  OBJECT_CHANGED: ObjectChangedError,
  NOT_FOUND: NotFoundError,
  PERMISSION_DENIED: PermissionDeniedError,
  CREDENTIALS_REJECTED: PermissionDeniedError,
  INVALID_REQUEST: InvalidRequestError,
  CHECKSUM_MISMATCH: IntegrityError,
  SIZE_MISMATCH: IntegrityError,
};

/** The codes of reasons that GetUploadOutcome tells without one. */
const CODE_BY_REASON: Readonly<Record<string, Code>> = {
  OBJECT_EXISTS: 'ALREADY_EXISTS',
  OBJECT_CHANGED: 'ABORTED',
  LINK_CONFLICT: 'ABORTED',
  NOT_FOUND: 'NOT_FOUND',
  PERMISSION_DENIED: 'PERMISSION_DENIED',
  CREDENTIALS_REJECTED: 'UNAUTHENTICATED',
  INVALID_REQUEST: 'INVALID_ARGUMENT',
  INCOMPLETE_UPLOAD: 'INVALID_ARGUMENT',
  CHECKSUM_MISMATCH: 'INVALID_ARGUMENT',
  SIZE_MISMATCH: 'INVALID_ARGUMENT',
  DEADLINE_EXCEEDED: 'DEADLINE_EXCEEDED',
  CANCELLED: 'CANCELLED',
  INTERNAL: 'INTERNAL',
};

function wordsOf(details: StagingErrorDetails, requestId?: string): string {
  if (details.outcome !== 'UNKNOWN') return details.message;
  return `${details.message}; whether the object was linked is not known: ${
    requestId ? `ask for the outcome of ${requestId}` : 'look at the path'
  }`;
}

/** The error of the class that fits. */
export function stagingError(
  details: StagingErrorDetails,
  requestId?: string,
  attempts?: number,
): StagingError {
  let type = details.isOurs ? CancelledError : CLASS_BY_REASON[details.reason];
  if (!type && details.outcome === 'UNKNOWN') type = OutcomeUnknownError;
  return new (type ?? StagingError)(details, requestId, attempts);
}

/** A call that failed, to be made an error of by whoever knows what it was for. */
export class CallFailed extends Error {
  constructor(
    readonly details: StagingErrorDetails,
    /** Calls of the gateway that were made for the upload. */
    readonly attempts = 0,
  ) {
    super(details.message);
  }
}

/** A request that is wrong as the caller can know without asking anybody. */
export function invalidRequest(message: string, cause?: unknown): StagingError {
  return stagingError({
    code: 'INVALID_ARGUMENT',
    reason: 'INVALID_REQUEST',
    message,
    outcome: 'NOT_COMMITTED',
    advice: 'FIX_REQUEST',
    cause,
  });
}

/** A source that ends, or goes on, before or beyond the size that was told. */
export function sizeMismatch(told: number, found: string): StagingErrorDetails {
  return {
    code: 'INVALID_ARGUMENT',
    reason: 'SIZE_MISMATCH',
    message: `the source was said to have ${String(told)} bytes, and ${found}`,
    outcome: 'NOT_COMMITTED',
    advice: 'FIX_REQUEST',
  };
}

/** A source that is not what it was. */
export function sourceChanged(message: string): StagingErrorDetails {
  return {
    code: 'ABORTED',
    reason: 'SOURCE_CHANGED',
    message,
    outcome: 'NOT_COMMITTED',
    advice: 'RESTART',
  };
}

/** What no gateway answers. */
export function badReply(
  message: string,
  outcome: Outcome | undefined,
): StagingErrorDetails {
  return {
    code: 'INTERNAL',
    reason: 'BAD_REPLY',
    message,
    outcome,
    advice: outcome && 'GIVE_UP',
  };
}

/**
 * What a call ended with: the gateway's own words and details, or, where the
 * answer has none (a lost connection, a server that is no gateway), what can be
 * said without them. `outcome` is what holds then.
 */
export function fromStatus(
  status: Pick<StatusObject, 'code' | 'details' | 'metadata'>,
  address: string,
  outcome: Outcome | undefined,
): StagingErrorDetails {
  const [details] = status.metadata.get('grpc-status-details-bin');
  const told =
    details instanceof Buffer ? parse(status.code, status.details, details) : undefined;
  return told ?? inKind(codeName(status.code), status.details, address, outcome);
}

/** The same of a serialized `google.rpc.Status`, as UploadMany has it. */
export function fromStatusBytes(
  bytes: Uint8Array,
  address: string,
): StagingErrorDetails {
  let code: number = grpcStatus.INTERNAL;
  let message = '';
  try {
    const status = Status.decode(bytes);
    code = status.code || code;
    message = status.message;
  } catch {
    // Said below.
  }
  return (
    parse(code, message, bytes) ?? inKind(codeName(code), message, address, 'UNKNOWN')
  );
}

/** How GetUploadOutcome says that an upload failed. */
export function fromOutcome(
  reason: string,
  message: string,
  failure: UploadFailure,
): StagingErrorDetails {
  return {
    code: CODE_BY_REASON[reason] ?? 'UNKNOWN',
    reason,
    domain: GATEWAY_DOMAIN,
    message,
    outcome: toOutcome(failure.outcome),
    advice: toAdvice(failure.advice),
    object: failure.object && toObjectStats(failure.object),
  };
}

/** Whether a gateway ended the call itself, and with it all that it began. */
export function isGateways(details: StagingErrorDetails): boolean {
  return details.domain === GATEWAY_DOMAIN;
}

function codeName(code: number): Code {
  return (grpcStatus[code] as Code | undefined) ?? 'UNKNOWN';
}

/** `undefined` if there is no `ErrorInfo` among the details. */
function parse(
  code: number,
  message: string,
  bytes: Uint8Array,
): StagingErrorDetails | undefined {
  const error: StagingErrorDetails = { code: codeName(code), reason: '', message };
  try {
    for (const { typeUrl, value } of Status.decode(bytes).details) {
      READERS[typeUrl.slice(typeUrl.lastIndexOf('/') + 1)]?.(value, error);
    }
  } catch {
    return undefined;
  }
  return error.reason ? error : undefined;
}

/** How each detail is read; others change nothing. */
const READERS: Readonly<
  Record<string, (bytes: Uint8Array, error: StagingErrorDetails) => void>
> = {
  'google.rpc.ErrorInfo': (bytes, error) => {
    const info = ErrorInfo.decode(bytes);
    error.reason = info.reason;
    error.domain = info.domain;
    error.metadata = info.metadata;
  },
  'google.rpc.RetryInfo': (bytes, error) => {
    const delay = RetryInfo.decode(bytes).retryDelay;
    if (delay) error.retryAfterMs = delay.seconds * 1e3 + delay.nanos / 1e6;
  },
  'google.rpc.BadRequest': (bytes, error) => {
    error.violations = BadRequest.decode(bytes).fieldViolations.map(
      ({ field, description }) => ({ field, description }),
    );
  },
  'google.rpc.ResourceInfo': (bytes, error) => {
    const { resourceType, resourceName } = ResourceInfo.decode(bytes);
    error.resource = { type: resourceType, name: resourceName };
  },
  'lakefs.staging.v1.UploadFailure': (bytes, error) => {
    const failure = UploadFailure.decode(bytes);
    error.outcome = toOutcome(failure.outcome);
    error.advice = toAdvice(failure.advice);
    error.object = failure.object && toObjectStats(failure.object);
  },
};

/** What can be said without details. */
function inKind(
  code: Code,
  said: string,
  address: string,
  outcome: Outcome | undefined,
): StagingErrorDetails {
  const of = (reason: string, message: string): StagingErrorDetails => ({
    code,
    reason,
    message,
    outcome,
    advice: outcome && 'RETRY_CALL',
    cause: said ? new Error(said) : undefined,
  });
  switch (code) {
    case 'UNAVAILABLE':
      return of(
        'GATEWAY_CONNECTION_LOST',
        `the connection to the gateway at ${address} was lost`,
      );
    case 'CANCELLED':
      return of('CANCELLED', 'the call was cancelled');
    case 'DEADLINE_EXCEEDED':
      return of(
        'DEADLINE_EXCEEDED',
        `the gateway at ${address} did not finish in time`,
      );
    case 'UNIMPLEMENTED':
      return {
        ...of('NOT_A_GATEWAY', `the server at ${address} does not offer this call`),
        outcome: outcome && 'NOT_COMMITTED',
        advice: 'FIX_REQUEST',
      };
    default:
      return of('BAD_REPLY', `the gateway at ${address} answered: ${said}`);
  }
}
