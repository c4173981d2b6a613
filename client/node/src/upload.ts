import { CHUNK_BYTES, Chunk } from './chunk.js';
import type { Connection } from './connection.js';
import { crc32c } from './crc32c.js';
import { CallFailed, invalidRequest, sizeMismatch, stagingError } from './error.js';
import type { StagingErrorDetails } from './error.js';
import type { UploadResult as Message } from './generated/lakefs_staging/v1/staging.js';
import type { UploadOptions, UploadResult } from './options.js';
import { ProgressMeter } from './progress-meter.js';
import { untilKnown } from './repeat.js';
import type { Scope } from './scope.js';
import { staging } from './service.js';
import { SourceFailed, bytesSource, openSource } from './source.js';
import type { OpenedSource, Reader, Source } from './source.js';
import type { Target } from './target.js';
import { UploadRequest, whole } from './upload-header.js';
import { UploadStream } from './upload-stream.js';

/** Up to here one message is faster than a stream, and costs little memory. */
const ONE_MESSAGE_BYTES = CHUNK_BYTES;

const NONE = new Uint8Array();

/** One logical upload. */
export class Upload {
  readonly #connection: Connection;
  readonly #scope: Scope;
  readonly #options: UploadOptions;
  readonly #request: UploadRequest;
  readonly #meter: ProgressMeter;
  #source!: OpenedSource;
  /** The whole, if it goes in one message. */
  #whole: Uint8Array | undefined;
  /** What was read of a source to see whether it does. */
  #beginning: { readonly reader: Reader; readonly first: Chunk } | undefined;
  #size: number | undefined;
  #resumeToken: Uint8Array;

  /**
   * The caller ends `scope`. Fails with INVALID_REQUEST where something cannot be
   * sent as it is.
   */
  constructor(
    connection: Connection,
    scope: Scope,
    target: Target,
    options: UploadOptions,
  ) {
    checkResumption(options);
    this.#connection = connection;
    this.#scope = scope;
    this.#options = options;
    this.#request = new UploadRequest(target, options);
    this.#meter = new ProgressMeter(options.progress);
    this.#size = whole('sizeBytes', options.sizeBytes);
    this.#resumeToken = options.resumeToken ?? NONE;
  }

  /** The id by which it is known, if it has one. */
  get requestId(): string | undefined {
    return this.#request.requestId;
  }

  /** Once. */
  async run(source: Source): Promise<UploadResult> {
    try {
      this.#source = await this.#unlessStopped(openSource(source));
      await this.#look();
      this.#meter.begun();
      const result = await untilKnown(
        this.#connection,
        this.#scope,
        this.#request,
        () => this.#source.repeatable,
        (number) => this.#attempt(number),
      );
      this.#meter.finished(result.object.sizeBytes ?? this.#size ?? 0);
      return result;
    } catch (error) {
      if (error instanceof SourceFailed) throw error.error;
      if (!(error instanceof CallFailed)) throw error;
      throw stagingError(error.details, this.requestId, error.attempts);
    } finally {
      this.#meter.stop();
      this.#beginning?.reader.close();
      (this.#source as OpenedSource | undefined)?.close();
    }
  }

  /** Finds out which way the bytes go, and with that what the header says. */
  async #look(): Promise<void> {
    const told = this.#size;
    const seen = this.#source.size;
    if (seen !== undefined) this.#checkSize(told, seen);
    this.#size = seen ?? told;
    if (this.#resumeToken.length > 0) return;
    if (seen !== undefined && seen > ONE_MESSAGE_BYTES) return;

    const reader = await this.#unlessStopped(this.#source.read(0));
    const first = new Chunk();
    this.#beginning = { reader, first };
    first.size = await this.#unlessStopped(reader.fill(first.room));
    if (!(await this.#unlessStopped(reader.atEnd()))) return;
    this.#checkSize(this.#size, first.size);
    this.#beginning = undefined;
    reader.close();
    this.#source.close();
    const bytes = Uint8Array.from(first.data);
    this.#source = bytesSource(bytes);
    this.#size = bytes.length;
    // A digest of the whole has no place in one message.
    if (!this.#options.sha256 && !this.#options.md5) this.#whole = bytes;
  }

  #checkSize(told: number | undefined, size: number): void {
    if (told === undefined || told === size) return;
    throw new CallFailed(sizeMismatch(told, `has ${String(size)}`));
  }

  async #attempt(number: number): Promise<Message | undefined> {
    try {
      return await (this.#whole
        ? this.#sendWhole(this.#whole, number)
        : this.#stream(number));
    } catch (error) {
      if (error instanceof CallFailed) this.#dropRefusedToken(error.details);
      throw error;
    }
  }

  async #sendWhole(data: Uint8Array, number: number): Promise<Message | undefined> {
    const header = this.#request.header(number, { sizeBytes: data.length });
    const { result } = await this.#connection.call(
      staging.uploadObject,
      { header, data, crc32c: crc32c(data) },
      this.#scope,
      'UNKNOWN',
    );
    return result;
  }

  async #stream(number: number): Promise<Message> {
    const { sha256, md5, checkpoint } = this.#options;
    const header = this.#request.header(number, {
      sizeBytes: this.#size,
      progress: this.#meter.isWanted,
      canRewind: this.#source.repeatable,
      sha256Follows: sha256 !== undefined,
      md5Follows: md5 !== undefined,
      resumable: checkpoint !== undefined,
      resumeToken: this.#resumeToken,
    });
    const { reader, first } = this.#beginning ?? {
      reader: await this.#unlessStopped(this.#source.read(0)),
      first: undefined,
    };
    this.#beginning = undefined;
    return await new UploadStream(this.#connection, this.#scope, {
      header,
      source: this.#source,
      reader,
      first,
      digests: { sha256, md5 },
      meter: this.#meter,
      onCheckpoint: (told) => {
        this.#resumeToken = told.token;
        checkpoint?.(told);
      },
    }).run();
  }

  /** The next attempt sends all bytes. */
  #dropRefusedToken(details: StagingErrorDetails): void {
    if (!/^RESUME_(EXPIRED|REFUSED)$/.test(details.reason)) return;
    if (this.#resumeToken.length === 0) return;
    this.#resumeToken = NONE;
    details.advice = 'RESTART';
  }

  /** What comes after the scope was stopped is closed. */
  async #unlessStopped<T>(work: Promise<T>): Promise<T> {
    const value = await this.#scope.until(work);
    if (value !== undefined) return value;
    work.then(close, () => undefined);
    throw new CallFailed(this.#scope.error('NOT_COMMITTED'));
  }
}

function close(late: unknown): void {
  if (typeof late === 'object') (late as OpenedSource | Reader).close();
}

function checkResumption(options: UploadOptions): void {
  if (!options.checkpoint && !options.resumeToken) return;
  // The token is good for the header that it was told with, and no other.
  if (options.requestId === undefined) {
    throw invalidRequest('checkpoint and resumeToken need a requestId');
  }
}
