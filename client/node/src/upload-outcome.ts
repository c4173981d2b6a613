import { fromOutcome, stagingError } from './error.js';
import type { StagingError } from './error.js';
import type { GetUploadOutcomeResponse } from './generated/lakefs_staging/v1/staging.js';
import type { UploadResult } from './options.js';
import type { Outcome } from './outcome.js';
import { toOutcome } from './outcome.js';
import { toUploadResult } from './upload-result.js';

/** What is known of an earlier upload. */
export interface UploadOutcome {
  /** `undefined` where the gateway did not say. */
  readonly outcome: Outcome | undefined;
  /** Whether it is still running; `outcome` is `UNKNOWN` then. */
  readonly inProgress: boolean;
  /** Its result, if it is `COMMITTED` or `SUPERSEDED`; `attempts` is 0. */
  readonly result: UploadResult | undefined;
  /** How it failed, if it did. */
  readonly error: StagingError | undefined;
}

export function toUploadOutcome(
  requestId: string,
  reply: GetUploadOutcomeResponse,
): UploadOutcome {
  const { failure, failureReason, failureMessage } = reply;
  return {
    outcome: toOutcome(reply.outcome),
    inProgress: reply.inProgress,
    result: reply.result && toUploadResult(reply.result, requestId, 0),
    error:
      failure &&
      stagingError(fromOutcome(failureReason, failureMessage, failure), requestId),
  };
}
