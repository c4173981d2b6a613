import { invalidRequest } from './error.js';
import type {
  StagingLocation as LocationMessage,
  StagingMetadata as MetadataMessage,
} from './generated/lakefs_staging/v1/staging.js';
import type { ObjectStats } from './object-stats.js';
import type { Outcome } from './outcome.js';
import { checkText } from './target.js';
import { fromTimestamp, toTimestamp, toWholeSeconds } from './time.js';
import { whole } from './upload-header.js';

/** A place to put an object at. Hand it back unchanged. */
export interface StagingLocation {
  /** Address of the object in its store, such as `s3://bucket/data/x`. */
  readonly physicalAddress: string;
  /** What releases of lakeFS before v0.112 want back at the link. */
  readonly token?: string | undefined;
  /** URL for one PUT of the bytes, if it was asked for and can be had. A secret. */
  readonly presignedUrl?: string | undefined;
  /** When `presignedUrl` stops to work; `undefined` where lakeFS does not tell. */
  readonly presignedUrlExpiry?: Date | undefined;
}

/** What is to be linked. */
export interface StagingMetadata {
  /** The location as {@link Client.getPhysicalAddress} gave it. */
  readonly staging: StagingLocation;
  /** Checksum of the bytes, best the store's ETag without quotes. */
  readonly checksum: string;
  /** Size of the bytes; has to be right. */
  readonly sizeBytes: number;
  /** Metadata to store with it: at most 64 entries and 8 KiB in all. */
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
  /** Media type. Default: lakeFS's, `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** Time of modification to record, cut to whole seconds. Default: now. */
  readonly mtime?: Date | undefined;
  /** Link even to a read-only repository. Default: no. */
  readonly force?: boolean | undefined;
}

/** What came of a link that succeeded. */
export interface LinkResult {
  /** The object as linked. */
  readonly object: ObjectStats;
  /** `COMMITTED`, or `SUPERSEDED` where a later writer has already replaced it. */
  readonly outcome: Outcome;
}

export function fromStagingLocation(message: LocationMessage): StagingLocation {
  return { ...message, presignedUrlExpiry: fromTimestamp(message.presignedUrlExpiry) };
}

/** Fails with INVALID_REQUEST where something cannot be sent as it is. */
export function toMetadata(metadata: StagingMetadata): MetadataMessage {
  const { staging, checksum, mtime, userMetadata = {}, contentType = '' } = metadata;
  checkText('the physicalAddress', staging.physicalAddress);
  checkText('the checksum', checksum);
  checkText('the contentType', contentType);
  for (const [key, value] of Object.entries(userMetadata)) {
    checkText('the metadata key', key);
    checkText(`the metadata value of ${key}`, value);
  }
  const sizeBytes = whole('sizeBytes', metadata.sizeBytes);
  if (sizeBytes === undefined) throw invalidRequest('sizeBytes is not told');
  return {
    staging: {
      physicalAddress: staging.physicalAddress,
      token: staging.token,
      presignedUrl: staging.presignedUrl,
      presignedUrlExpiry:
        staging.presignedUrlExpiry && toTimestamp(staging.presignedUrlExpiry),
    },
    checksum,
    sizeBytes,
    userMetadata,
    contentType,
    mtime: mtime && toWholeSeconds(mtime),
    force: metadata.force ?? false,
  };
}
