import { randomUUID } from 'node:crypto';

import { invalidRequest } from './error.js';
import type { UploadHeader } from './generated/lakefs_staging/v1/staging.js';
import type { ObjectOptions } from './options.js';
import { checkText, toObjectPath } from './target.js';
import type { Target } from './target.js';
import { toWholeSeconds } from './time.js';

const DEFAULT_ATTEMPTS = 5;

/** One logical upload, as it is told to the gateway by each of its attempts. */
export class UploadRequest {
  readonly #header: UploadHeader;
  readonly #firstAttempt: number;
  /** The most calls to make for it. */
  readonly attempts: number;

  /** Fails with INVALID_REQUEST where something cannot be sent as it is. */
  constructor(target: Target, options: ObjectOptions) {
    const { requestId = randomUUID() } = options;
    this.#header = headerOf(target, options, requestId);
    // What came before with an id of the caller's, only he can know.
    const isOurs = options.requestId === undefined;
    this.#firstAttempt = whole('attempt', options.attempt) ?? (isOurs ? 1 : 0);
    this.attempts = whole('attempts', options.attempts) ?? DEFAULT_ATTEMPTS;
    if (this.attempts < 1) throw invalidRequest('attempts is less than 1');
  }

  get requestId(): string | undefined {
    return this.#header.requestId || undefined;
  }

  get object(): NonNullable<UploadHeader['object']> {
    return this.#header.object!;
  }

  /** The header of the attempt of this number, from 1 on. */
  header(attempt: number, more: Partial<UploadHeader>): UploadHeader {
    return {
      ...this.#header,
      ...more,
      attempt: this.#firstAttempt && this.#firstAttempt + attempt - 1,
    };
  }
}

function headerOf(
  target: Target,
  options: ObjectOptions,
  requestId: string,
): UploadHeader {
  const { contentType = '', userMetadata = {}, ifMatch, mtime } = options;
  checkText('contentType', contentType);
  checkText('requestId', requestId);
  if (ifMatch !== undefined) checkText('ifMatch', ifMatch);
  for (const [key, value] of Object.entries(userMetadata)) {
    checkText('the metadata key', key);
    checkText(`the metadata value of ${key}`, value);
  }
  if (mtime && Number.isNaN(mtime.getTime())) throw invalidRequest('mtime is no time');
  return {
    object: toObjectPath(target),
    contentType,
    userMetadata: { ...userMetadata },
    sizeBytes: undefined,
    ifAbsent: options.ifAbsent ?? false,
    force: options.force ?? false,
    mtime: mtime && toWholeSeconds(mtime),
    requestId,
    progress: false,
    canRewind: false,
    sha256Follows: false,
    md5Follows: false,
    attempt: 0,
    ifMatch,
    resumable: false,
    resumeToken: new Uint8Array(),
  };
}

/** Fails with INVALID_REQUEST where `value` is given and no safe whole number. */
export function whole(name: string, value: number | undefined): number | undefined {
  if (value === undefined || (Number.isSafeInteger(value) && value >= 0)) return value;
  throw invalidRequest(`${name} is ${String(value)}, and has to be a whole number`);
}
