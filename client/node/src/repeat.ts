import type { Connection } from './connection.js';
import { CallFailed, fromOutcome, isGateways } from './error.js';
import type { StagingErrorDetails } from './error.js';
import {
  GetUploadOutcomeResponse,
  Outcome,
} from './generated/lakefs_staging/v1/staging.js';
import type {
  GetUploadOutcomeRequest,
  UploadResult as Message,
} from './generated/lakefs_staging/v1/staging.js';
import type { UploadResult } from './options.js';
import type { Advice } from './outcome.js';
import { Scope } from './scope.js';
import { staging } from './service.js';
import type { UploadRequest } from './upload-header.js';
import { toUploadResult } from './upload-result.js';

const FIRST_WAIT_MS = 100;
const MAX_WAIT_MS = 5000;

/** How long, and how often, it is asked what became of an upload. */
const ASK_MS = 30_000;
const FIRST_ASKS = 5;
const FIRST_ASK_WAIT_MS = 200;
const ASK_WAIT_MS = 1000;

/** One attempt, by its number from 1 on. Throws {@link CallFailed}, or what is the caller's own. */
export type Attempt = (number: number) => Promise<Message | undefined>;

/**
 * Makes attempts at a logical upload until its outcome is known, as far as that can
 * be: repeats what may be repeated, asks where it cannot be.
 *
 * @param isRepeatable - whether the bytes can be had again; asked after an attempt.
 */
export async function untilKnown(
  connection: Connection,
  scope: Scope,
  request: UploadRequest,
  isRepeatable: () => boolean,
  attempt: Attempt,
): Promise<UploadResult> {
  let mayBeLinked = false;
  for (let number = 1; ; ++number) {
    const result = (message: Message | undefined): UploadResult =>
      toUploadResult(message, request.requestId, number);
    try {
      try {
        await connection.connect(scope, 'NOT_COMMITTED');
        return result(await attempt(number));
      } catch (error) {
        if (!(error instanceof CallFailed)) throw error;
        const { details } = error;
        mayBeLinked = rememberDoubt(details, mayBeLinked);
        if (isRepeatable()) {
          const wait = waitBefore(number, request, details, scope);
          if (wait === undefined) throw error;
          await scope.sleep(wait);
        } else {
          if (!isToBeAsked(request, details, scope)) throw error;
          const told = await ask(connection, scope, request);
          if (!told) throw error;
          return result(told);
        }
      }
    } catch (error) {
      if (error instanceof CallFailed) throw new CallFailed(error.details, number);
      throw error;
    }
  }
}

/**
 * How long to wait before attempt `number + 1`, in ms; `undefined` if there is to be
 * none.
 */
export function waitBefore(
  number: number,
  request: UploadRequest,
  { reason, outcome, advice, retryAfterMs = 0 }: StagingErrorDetails,
  scope: Scope,
): number | undefined {
  if (scope.stopped || number >= request.attempts) return undefined;
  if (!isRetryable(advice)) return undefined;
  const isSafe =
    outcome === 'NOT_COMMITTED' || (outcome === 'UNKNOWN' && request.requestId);
  // A gateway that is not there has been waited for.
  if (!isSafe || reason === 'GATEWAY_UNREACHABLE') return undefined;
  const wait = Math.max(retryAfterMs, backoff(number));
  return Date.now() + wait < scope.deadline ? wait : undefined;
}

/**
 * What an attempt says of itself says nothing of those before it: once one may have
 * linked the object, only a final word of the gateway tells that none has.
 */
export function rememberDoubt(
  details: StagingErrorDetails,
  mayBeLinked: boolean,
): boolean {
  const isFinal = isGateways(details) && !isRetryable(details.advice);
  if (mayBeLinked && !isFinal && details.outcome === 'NOT_COMMITTED') {
    details.outcome = 'UNKNOWN';
  }
  return mayBeLinked || details.outcome === 'UNKNOWN';
}

function isRetryable(advice: Advice | undefined): boolean {
  return advice === 'RETRY_CALL' || advice === 'RESTART';
}

/** Half of it is left to chance, so that those who failed together part. */
function backoff(number: number): number {
  const wait = Math.min(FIRST_WAIT_MS * 2 ** (number - 1), MAX_WAIT_MS);
  return wait * (1 - Math.random() / 2);
}

function isToBeAsked(
  request: UploadRequest,
  { outcome, advice }: StagingErrorDetails,
  scope: Scope,
): boolean {
  const isUnknown = outcome === 'UNKNOWN' && isRetryable(advice);
  return isUnknown && request.requestId !== undefined && !scope.stopped;
}

/**
 * Asks what became of an upload until that is known, and throws {@link CallFailed}
 * with how it failed. `undefined` if nobody can tell.
 */
async function ask(
  connection: Connection,
  scope: Scope,
  { requestId = '', object }: UploadRequest,
): Promise<Message | undefined> {
  const asking = new Scope({
    timeoutMs: Math.max(0, Math.min(ASK_MS, scope.deadline - Date.now())),
  });
  const forget = scope.onStop(() => {
    asking.cancel('the upload is over');
  });
  try {
    for (let asked = 1; !asking.stopped; ++asked) {
      const answer = await askOnce(connection, asking, { requestId, object });
      if (answer && !answer.inProgress) {
        const { outcome, result, failure, failureReason, failureMessage } = answer;
        if (outcome === Outcome.COMMITTED || outcome === Outcome.SUPERSEDED)
          return result;
        if (!failure) return undefined;
        throw new CallFailed(fromOutcome(failureReason, failureMessage, failure));
      }
      const wait = asked < FIRST_ASKS ? FIRST_ASK_WAIT_MS : ASK_WAIT_MS;
      await asking.sleep(wait);
    }
    return undefined;
  } finally {
    forget();
    asking.close();
  }
}

/** `undefined` where nobody answers now; an empty answer where none will. */
async function askOnce(
  connection: Connection,
  scope: Scope,
  request: GetUploadOutcomeRequest,
): Promise<GetUploadOutcomeResponse | undefined> {
  try {
    await connection.connect(scope);
    return await connection.call(staging.getUploadOutcome, request, scope);
  } catch (error) {
    if (!(error instanceof CallFailed)) throw error;
    // NOT_FOUND proves nothing; who does not answer may do so later.
    return error.details.code === 'UNAVAILABLE'
      ? undefined
      : GetUploadOutcomeResponse.decode(new Uint8Array());
  }
}
