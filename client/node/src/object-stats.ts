import type { ObjectStats as Message } from './generated/lakefs_staging/v1/staging.js';
import { fromTimestamp } from './time.js';

/** An object as lakeFS describes it. */
export interface ObjectStats {
  /** Path relative to the branch. */
  readonly path: string;
  /** Address in the store, such as `s3://bucket/data/x`. */
  readonly physicalAddress: string;
  /** Opaque checksum of the content; what `ifMatch` takes. */
  readonly checksum: string;
  /** Size in bytes; `undefined` where lakeFS did not tell. */
  readonly sizeBytes: number | undefined;
  /** Time of modification, whole seconds. */
  readonly mtime: Date | undefined;
  /** The metadata that were stored with it. */
  readonly userMetadata: Readonly<Record<string, string>>;
  /** Media type. */
  readonly contentType: string;
}

export function toObjectStats(message: Message): ObjectStats {
  const { sizeBytes, mtime } = message;
  return { ...message, sizeBytes, mtime: fromTimestamp(mtime) };
}
