import { CallFailed, badReply } from './error.js';
import { ObjectStats, Outcome } from './generated/lakefs_staging/v1/staging.js';
import type { UploadResult as Message } from './generated/lakefs_staging/v1/staging.js';
import { toObjectStats } from './object-stats.js';
import type { UploadResult } from './options.js';
import { toOutcome, toPlan } from './outcome.js';

/** Fails with BAD_REPLY where `message` is no success. */
export function toUploadResult(
  message: Message | undefined,
  requestId: string | undefined,
  attempts: number,
): UploadResult {
  const outcome = message?.outcome;
  if (outcome !== Outcome.COMMITTED && outcome !== Outcome.SUPERSEDED) {
    throw new CallFailed(
      badReply(
        'the gateway answered without saying that the object was linked',
        'UNKNOWN',
      ),
    );
  }
  const { object, crc32c, plan } = message!;
  return {
    object: toObjectStats(object ?? ObjectStats.decode(new Uint8Array())),
    outcome: toOutcome(outcome)!,
    crc32c,
    plan: toPlan(plan),
    requestId,
    attempts,
  };
}
