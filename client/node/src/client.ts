import { Connection } from './connection.js';
import { CallFailed, stagingError } from './error.js';
import { ManyUpload } from './many-upload.js';
import type { ManyAnswer } from './many-upload.js';
import { toObjectStats } from './object-stats.js';
import type {
  CallOptions,
  ClientOptions,
  ConditionOptions,
  SharedFileOptions,
  SmallObject,
  StreamOptions,
  UploadOptions,
  UploadResult,
} from './options.js';
import { toOutcome } from './outcome.js';
import { fromStagingLocation, toMetadata } from './physical-address.js';
import type {
  LinkResult,
  StagingLocation,
  StagingMetadata,
} from './physical-address.js';
import type { Scope } from './scope.js';
import { staging } from './service.js';
import { SharedFileUpload } from './shared-file-upload.js';
import type { Source } from './source.js';
import { checkText, toObjectPath } from './target.js';
import type { Target } from './target.js';
import { Upload } from './upload.js';
import { toUploadOutcome } from './upload-outcome.js';
import type { UploadOutcome } from './upload-outcome.js';
import { UploadWriteStream } from './write-stream.js';

/**
 * A client of one gateway. It connects with its first call, and any number of calls
 * may be under way; it keeps no process alive that has none.
 *
 * Every call fails with a {@link StagingError}; its `outcome` says what is known of
 * the object. An upload is repeated where that is safe and the bytes can be had
 * again.
 *
 * @example
 * ```ts
 * const client = new Client();
 * await client.upload(Buffer.from('a,b\n'), 'lakefs://repo/main/report.csv');
 * await client.close();
 * ```
 */
export class Client {
  readonly #connection: Connection;

  /**
   * Throws INVALID_REQUEST where the gateway's address is neither `HOST:PORT` nor
   * `unix:/path`, or the certificates cannot be used.
   */
  constructor(options: ClientOptions = {}) {
    this.#connection = new Connection(options);
  }

  /** Where the gateway is, as it was named. */
  get gateway(): string {
    return this.#connection.address;
  }

  /**
   * Uploads what `source` gives and links it to `target`. Nothing shows before all
   * of it is there, and an error of the source, which is thrown as it is, links
   * nothing. Two chunks of 1 MiB are held, whatever the size.
   *
   * Resolves when the object stands (`COMMITTED`), or was already replaced by a
   * later writer (`SUPERSEDED`).
   */
  async upload(
    source: Source,
    target: Target,
    options: UploadOptions = {},
  ): Promise<UploadResult> {
    return await this.#connection.run(options, (scope) =>
      new Upload(this.#connection, scope, target, options).run(source),
    );
  }

  /**
   * A stream that uploads what is written to it: `end()` links it, `destroy()` does
   * not, and `pipeline` of `node:stream/promises` does the right one of the two. It
   * is repeated only if it ends within its first 1 MiB.
   */
  createWriteStream(target: Target, options: StreamOptions = {}): UploadWriteStream {
    return new UploadWriteStream(this.#connection, target, options);
  }

  /**
   * Uploads any number of objects of at most 4 MiB on one stream: the way that costs
   * least for each. Gives one answer for each, in the order in which they are ready;
   * one that failed ends nothing else. An object is taken only while fewer than 64
   * have no answer that was fetched. Leaving the loop cancels the rest.
   *
   * When `objects` throws, or the call is ended from this side, all that were taken
   * are answered before that is thrown.
   *
   * Two that go to the same path may come to stand in either order: give the second
   * when the first is answered.
   */
  async *uploadMany<Item extends SmallObject>(
    objects: AsyncIterable<Item> | Iterable<Item>,
    options: CallOptions = {},
  ): AsyncGenerator<ManyAnswer<Item>, void, undefined> {
    const scope = this.#connection.begin(options);
    try {
      yield* new ManyUpload(this.#connection, scope, objects).answers();
    } finally {
      this.#connection.end(scope);
    }
  }

  /**
   * Uploads a file on a volume that the gateway sees too: its bytes are not sent.
   * `file` is its absolute path, as the gateway's --source-root names it for
   * callers. It must not change until this resolves.
   *
   * Fails with SOURCE_REFUSED or NOT_A_GATEWAY, and nothing linked, where the
   * gateway takes no files, or not this one: {@link upload} sends the bytes.
   */
  async uploadFile(
    file: string,
    target: Target,
    options: SharedFileOptions = {},
  ): Promise<UploadResult> {
    return await this.#connection.run(options, (scope) =>
      new SharedFileUpload(this.#connection, scope, file, target, options).run(),
    );
  }

  /**
   * What became of an earlier upload with this `requestId`, also after its caller
   * or its gateway died. `target` lets the gateway look at the path where its memory
   * does not tell.
   *
   * Fails with a {@link NotFoundError} where nothing is known of it, which proves
   * nothing.
   */
  async outcome(
    requestId: string,
    target?: Target,
    options: CallOptions = {},
  ): Promise<UploadOutcome> {
    checkText('the requestId', requestId);
    const object = target === undefined ? undefined : toObjectPath(target);
    return await this.#call(options, undefined, async (scope) =>
      toUploadOutcome(
        requestId,
        await this.#connection.call(
          staging.getUploadOutcome,
          { requestId, object },
          scope,
        ),
      ),
    );
  }

  /**
   * Drops what the store holds of the upload that `resumeToken` is of. Resolves also
   * if there is nothing any more; an object that was linked stays.
   */
  async discard(resumeToken: Uint8Array, options: CallOptions = {}): Promise<void> {
    await this.#call(options, undefined, (scope) =>
      this.#connection.call(staging.discardUpload, { resumeToken }, scope),
    );
  }

  /**
   * Asks for an address to put the object's bytes at, with a presigned URL if
   * `presign`. The answer may hold secrets: don't log it.
   */
  async getPhysicalAddress(
    target: Target,
    options: CallOptions & {
      /** Whether to ask for a presigned URL, too. Default: no. */
      readonly presign?: boolean | undefined;
    } = {},
  ): Promise<StagingLocation> {
    const object = toObjectPath(target);
    const presign = options.presign ?? false;
    return await this.#call(options, undefined, async (scope) => {
      const { location } = await this.#connection.call(
        staging.getPhysicalAddress,
        { object, presign },
        scope,
      );
      if (!location) throw new CallFailed(this.#connection.noResult(undefined));
      return fromStagingLocation(location);
    });
  }

  /**
   * Links bytes that are already at `metadata.staging` to `target`. lakeFS does not
   * look whether they are there, nor whether size and checksum are right: a wrong
   * size links and breaks every reader.
   */
  async linkPhysicalAddress(
    target: Target,
    metadata: StagingMetadata,
    options: CallOptions & ConditionOptions = {},
  ): Promise<LinkResult> {
    const { ifAbsent = false, ifMatch } = options;
    const object = toObjectPath(target);
    if (ifMatch !== undefined) checkText('ifMatch', ifMatch);
    const message = { object, metadata: toMetadata(metadata), ifAbsent, ifMatch };
    return await this.#call(options, 'NOT_COMMITTED', async (scope) => {
      const reply = await this.#connection.call(
        staging.linkPhysicalAddress,
        message,
        scope,
        'UNKNOWN',
      );
      const outcome = toOutcome(reply.outcome);
      if (!reply.object || !outcome) {
        throw new CallFailed(this.#connection.noResult('UNKNOWN'));
      }
      return { object: toObjectStats(reply.object), outcome };
    });
  }

  /**
   * Ends all calls of this client, which fail with a {@link CancelledError}, and
   * closes its connection.
   */
  close(): Promise<void> {
    this.#connection.close();
    return Promise.resolve();
  }

  /** The same as {@link close}, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** One of the calls that are made once. `outcome` is what holds before it is. */
  async #call<T>(
    options: CallOptions,
    outcome: 'NOT_COMMITTED' | undefined,
    work: (scope: Scope) => Promise<T>,
  ): Promise<T> {
    return await this.#connection.run(options, async (scope) => {
      try {
        await this.#connection.connect(scope, outcome);
        return await work(scope);
      } catch (error) {
        if (!(error instanceof CallFailed)) throw error;
        throw stagingError(error.details, undefined, 1);
      }
    });
  }
}
