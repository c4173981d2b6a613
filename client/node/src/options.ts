import type { SecureContextOptions } from 'node:tls';

import type { ObjectStats } from './object-stats.js';
import type { Outcome, Phase, Plan } from './outcome.js';
import type { Target } from './target.js';

/** How to reach a gateway, and as whom. */
export interface ClientOptions {
  /**
   * `HOST:PORT` or `unix:/path`. Default: the environment's
   * `LAKEFS_STAGING_GATEWAY`, else `127.0.0.1:8765`.
   */
  readonly gateway?: string | undefined;
  /**
   * `true` for TLS with the authorities that Node trusts; or, in PEM, the
   * authorities to trust (`ca`), and a certificate to show with its key (`cert`,
   * `key`). Default: plaintext, for a gateway beside the caller or behind a mesh.
   */
  readonly tls?: boolean | TlsOptions | undefined;
  /**
   * What the gateway hands on to lakeFS: `Basic …` or `Bearer …`. A secret, which
   * no error and no printed form of the client shows. Default: the environment's
   * `LAKEFS_STAGING_AUTHORIZATION`, else none.
   */
  readonly authorization?: string | undefined;
  /**
   * Whether it may be sent without TLS to an address that is not this machine's.
   * Default: no; such a call is INVALID_REQUEST.
   */
  readonly allowPlaintextAuthorization?: boolean | undefined;
  /**
   * How long to wait for a gateway that is not there, in ms, such as one that is
   * just being started. Default: 10,000.
   */
  readonly connectTimeoutMs?: number | undefined;
}

/** Certificates, in PEM. */
export type TlsOptions = {
  readonly [Key in 'ca' | 'cert' | 'key']?: Extract<
    SecureContextOptions[Key],
    string | Buffer
  >;
};

/** What every call takes. */
export interface CallOptions {
  /**
   * Ends the call with a {@link CancelledError}, whose `outcome` says what is
   * known and whose `cause` is the signal's reason.
   */
  readonly signal?: AbortSignal | undefined;
  /**
   * The most that all of it may take, in ms: connecting, repetitions and finding
   * out the outcome included. Default: no limit but the gateway's own.
   */
  readonly timeoutMs?: number | undefined;
}

/** On what condition an object is linked. */
export interface ConditionOptions {
  /** Create only: {@link ObjectExistsError} where the path has an object. */
  readonly ifAbsent?: boolean | undefined;
  /**
   * Compare and swap: {@link ObjectChangedError} where the path does not have an
   * object of this checksum, as {@link ObjectStats} shows it. For servers that
   * implement If-Match; excludes `ifAbsent`.
   */
  readonly ifMatch?: string | undefined;
}

/** What is stored with an object beside its bytes, and how. */
export interface ObjectOptions extends ConditionOptions {
  /** Media type. Default: lakeFS's, `application/octet-stream`. */
  readonly contentType?: string | undefined;
  /** Metadata to store with it: at most 64 entries and 8 KiB in all. */
  readonly userMetadata?: Readonly<Record<string, string>> | undefined;
  /** Link even to a read-only repository. Default: no. */
  readonly force?: boolean | undefined;
  /** Time of modification to record, cut to whole seconds. Default: now. */
  readonly mtime?: Date | undefined;
  /**
   * Idempotency key: a repeated call with the same one does no second upload. 1 to
   * 128 bytes of printable ASCII. Shows in the object's user metadata as
   * `lakefs-staging-request-id`. Default: a new UUID, for all attempts; the empty
   * string is none, and without one nothing is repeated that may have been linked.
   */
  readonly requestId?: string | undefined;
  /**
   * Which call with this `requestId` the first one is: 1, or more after others.
   * A first one is a request cheaper; do not say so of another. Default: 1 with
   * an id that this package makes, else not known.
   */
  readonly attempt?: number | undefined;
  /** The most calls to make for it, the first included. Default: 5. */
  readonly attempts?: number | undefined;
}

/** What an upload of a stream of any size takes beside its bytes and its target. */
export interface StreamOptions extends CallOptions, ObjectOptions {
  /**
   * The size in bytes, where it is known and cannot be seen from the source. It
   * has to be right, else the upload fails with SIZE_MISMATCH.
   */
  readonly sizeBytes?: number | undefined;
  /**
   * Told how far the upload is, a few times a second, with numbers that do not
   * fall, and at the end with the whole. What it throws ends the upload and is
   * thrown by it.
   */
  readonly progress?: ((progress: Progress) => void) | undefined;
  /**
   * Told by what the upload can be gone on with after a crash of this process or of
   * the gateway, each time taking the place of what was told before. Needs a
   * `requestId`. Small objects, which the gateway puts at once, have none. What it
   * throws ends the upload and is thrown by it.
   */
  readonly checkpoint?: ((checkpoint: Checkpoint) => void) | undefined;
  /**
   * The token to go on with. Target, options, `requestId` and source have to be
   * those of the call that told it. What is stored is read again, for the checksum
   * of the whole, and not sent.
   */
  readonly resumeToken?: Uint8Array | undefined;
}

/** What {@link Client.upload} takes beside its source and its target. */
export interface UploadOptions extends StreamOptions {
  /** SHA-256 of the whole, 32 bytes, to be checked by the gateway. */
  readonly sha256?: Uint8Array | undefined;
  /** MD5 of the whole, 16 bytes, to be checked by the gateway. */
  readonly md5?: Uint8Array | undefined;
}

/** What {@link Client.uploadFile} takes beside its file and its target. */
export interface SharedFileOptions extends CallOptions, ObjectOptions {
  /** As of {@link StreamOptions}. */
  readonly progress?: ((progress: Progress) => void) | undefined;
  /** CRC32C of the whole file, to be checked by the gateway. */
  readonly crc32c?: number | undefined;
}

/** How far an upload is. */
export interface Progress {
  /** What the gateway is doing. */
  readonly phase: Phase;
  /** Bytes taken from the caller, each counted once. */
  readonly receivedBytes: number;
  /** Bytes that the store has acknowledged. */
  readonly storedBytes: number;
}

/** By what an upload can be gone on with. */
export interface Checkpoint {
  /** For `resumeToken`. A secret: keep it where only you can read it. */
  readonly token: Uint8Array;
  /** Bytes before this need not be sent again. */
  readonly offset: number;
}

/** What came of an upload that succeeded. */
export interface UploadResult {
  /** The object as linked; with `SUPERSEDED` yours, which no longer shows. */
  readonly object: ObjectStats;
  /** `COMMITTED`, or `SUPERSEDED` where a later writer has already replaced it. */
  readonly outcome: Outcome;
  /**
   * CRC32C of the whole as the gateway computed it; `undefined` where an earlier
   * call uploaded it by another gateway.
   */
  readonly crc32c: number | undefined;
  /** How the bytes went to the store. */
  readonly plan: Plan | undefined;
  /** The id by which {@link Client.outcome} knows it; `undefined` for none. */
  readonly requestId: string | undefined;
  /** Calls of the gateway that were made for it. */
  readonly attempts: number;
}

/** One object of {@link Client.uploadMany}. */
export interface SmallObject extends ObjectOptions {
  /** The whole of it, 0 bytes to 4 MiB. Must not change until it is answered. */
  readonly data: Uint8Array;
  /** Where to link it. */
  readonly target: Target;
}
