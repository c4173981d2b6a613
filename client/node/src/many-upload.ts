import type { Connection } from './connection.js';
import { crc32c } from './crc32c.js';
import { CallFailed, invalidRequest, stagingError } from './error.js';
import type { StagingError, StagingErrorDetails } from './error.js';
import { ManyStream } from './many-stream.js';
import type { SmallObject, UploadResult } from './options.js';
import type { Outcome } from './outcome.js';
import { rememberDoubt, waitBefore } from './repeat.js';
import type { Scope } from './scope.js';
import { UploadRequest } from './upload-header.js';
import { toUploadResult } from './upload-result.js';

/** The gateway reads no more than that of a stream, either. */
const MAX_UNANSWERED = 64;
const MAX_OBJECT_BYTES = 4 * 1024 * 1024;

/** What became of one object of {@link Client.uploadMany}: a result or an error. */
export type ManyAnswer<Item extends SmallObject = SmallObject> =
  | {
      /** The object, as it was given. */
      readonly object: Item;
      /** What came of it. */
      readonly result: UploadResult;
      /** Not there. */
      readonly error?: never;
    }
  | {
      /** The object, as it was given. */
      readonly object: Item;
      /** How it failed. */
      readonly error: StagingError;
      /** Not there. */
      readonly result?: never;
    };

/** An object that was taken, and is not answered yet. */
export interface Taken<Item extends SmallObject = SmallObject> {
  readonly object: Item;
  readonly request: UploadRequest;
  readonly crc32c: number;
  /** Calls that it was part of. */
  attempts: number;
  /** What is known of it. */
  outcome: Outcome | undefined;
  /** Whether one of the calls may have linked it. */
  mayBeLinked: boolean;
}

/**
 * Uploads any number of small objects on one stream, or on another one when that
 * breaks.
 *
 * Three go their own ways: what takes objects and sends them (`#send`), the replies,
 * and the caller, who fetches answers. An object holds one of 64 places from when it
 * is taken until its answer is fetched.
 */
export class ManyUpload<Item extends SmallObject> {
  readonly #connection: Connection;
  readonly #scope: Scope;
  readonly #objects: AsyncIterator<Item> | Iterator<Item>;
  /** Whether the next object is being waited for. */
  #isTaking = false;
  #hasMore = true;
  /** All that were taken and are not answered. */
  readonly #open = new Set<Taken<Item>>();
  /** Those of them to be sent now. */
  readonly #ready: Taken<Item>[] = [];
  readonly #answers: ManyAnswer<Item>[] = [];
  #stream: ManyStream<Taken<Item>> | undefined;
  #isOver = false;
  /** What the whole ends with. */
  #failure: { error: unknown } | undefined;
  #wakeSender: () => void = () => undefined;
  #wakeCaller: () => void = () => undefined;

  constructor(
    connection: Connection,
    scope: Scope,
    objects: AsyncIterable<Item> | Iterable<Item>,
  ) {
    this.#connection = connection;
    this.#scope = scope;
    this.#objects =
      Symbol.asyncIterator in objects
        ? objects[Symbol.asyncIterator]()
        : objects[Symbol.iterator]();
  }

  /** Once. */
  async *answers(): AsyncGenerator<ManyAnswer<Item>, void, undefined> {
    void this.#send();
    try {
      for (;;) {
        const answer = this.#answers.shift();
        if (answer) {
          this.#wakeSender();
          yield answer;
        } else if (this.#isOver) {
          if (this.#failure) throw this.#failure.error;
          return;
        } else {
          await new Promise<void>((resolve) => (this.#wakeCaller = resolve));
        }
      }
    } finally {
      // A caller who does not want the rest.
      if (!this.#isOver) this.#scope.cancel('no more answers were wanted');
      if (this.#hasMore) this.#closeObjects();
    }
  }

  async #send(): Promise<void> {
    const forget = this.#scope.onStop(() => {
      this.#wakeSender();
    });
    try {
      for (;;) {
        const taken = await this.#next();
        if (!taken) break;
        await this.#sendOne(taken);
      }
      this.#stream?.end();
    } catch (error) {
      this.#failure ??= { error };
    } finally {
      forget();
      this.#isOver = true;
      this.#wakeCaller();
    }
  }

  /** What is to be sent next; `undefined` when all is answered. */
  async #next(): Promise<Taken<Item> | undefined> {
    for (;;) {
      if (this.#scope.stopped) this.#endAll();
      const ready = this.#ready.shift();
      if (ready) return ready;
      if (!this.#hasMore && this.#open.size === 0) return undefined;
      const held = this.#open.size + this.#answers.length;
      if (this.#hasMore && !this.#isTaking && held < MAX_UNANSWERED) void this.#take();
      await new Promise<void>((resolve) => (this.#wakeSender = resolve));
    }
  }

  /** Takes one object. */
  async #take(): Promise<void> {
    this.#isTaking = true;
    try {
      const next = await this.#objects.next();
      if (next.done === true) this.#hasMore = false;
      else if (!this.#scope.stopped) this.#check(next.value);
    } catch (error) {
      this.#hasMore = false;
      this.#failure ??= { error };
    }
    this.#isTaking = false;
    this.#wakeSender();
  }

  #check(object: Item): void {
    try {
      if (!(object.data instanceof Uint8Array)) {
        throw invalidRequest('the data of an object are no Uint8Array');
      }
      if (object.data.length > MAX_OBJECT_BYTES) {
        throw invalidRequest('an object of uploadMany has at most 4 MiB; use upload');
      }
      const request = new UploadRequest(object.target, object);
      const taken: Taken<Item> = {
        object,
        request,
        crc32c: crc32c(object.data),
        attempts: 0,
        outcome: 'NOT_COMMITTED',
        mayBeLinked: false,
      };
      this.#open.add(taken);
      this.#ready.push(taken);
    } catch (error) {
      this.#tell({ object, error: error as StagingError });
    }
  }

  async #sendOne(taken: Taken<Item>): Promise<void> {
    try {
      const stream = await this.#openStream();
      taken.attempts += 1;
      taken.outcome = 'UNKNOWN';
      await stream.send(taken);
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      this.#failed(taken, error.details);
    }
  }

  async #openStream(): Promise<ManyStream<Taken<Item>>> {
    if (this.#stream && !this.#stream.isOver) return this.#stream;
    await this.#connection.connect(this.#scope, 'NOT_COMMITTED');
    return (this.#stream = new ManyStream(this.#connection, this.#scope, {
      succeeded: (taken, result) => {
        try {
          const { requestId } = taken.request;
          this.#answered(taken, {
            object: taken.object,
            result: toUploadResult(result, requestId, taken.attempts),
          });
        } catch (error) {
          this.#failed(taken, (error as CallFailed).details);
        }
      },
      failed: (taken, details) => {
        this.#failed(taken, details);
      },
    }));
  }

  #failed(taken: Taken<Item>, details: StagingErrorDetails): void {
    if (!this.#open.has(taken)) return;
    taken.mayBeLinked = rememberDoubt(details, taken.mayBeLinked);
    taken.outcome = details.outcome;
    const { request, attempts } = taken;
    const wait = waitBefore(attempts, request, details, this.#scope);
    if (wait === undefined) {
      const error = stagingError(details, request.requestId, attempts);
      this.#answered(taken, { object: taken.object, error });
      return;
    }
    void this.#scope.sleep(wait).then(() => {
      if (this.#open.has(taken)) this.#ready.push(taken);
      this.#wakeSender();
    });
  }

  /** All that were taken are answered, and no more are. */
  #endAll(): void {
    this.#hasMore = false;
    this.#closeObjects();
    this.#failure ??= { error: stagingError(this.#scope.error(undefined)) };
    this.#ready.length = 0;
    for (const taken of this.#open) {
      const { object, request, attempts, outcome } = taken;
      const error = stagingError(
        this.#scope.error(outcome),
        request.requestId,
        attempts,
      );
      this.#answered(taken, { object, error });
    }
  }

  #answered(taken: Taken<Item>, answer: ManyAnswer<Item>): void {
    if (this.#open.delete(taken)) this.#tell(answer);
  }

  #tell(answer: ManyAnswer<Item>): void {
    this.#answers.push(answer);
    this.#wakeCaller();
    this.#wakeSender();
  }

  #closeObjects(): void {
    const close = async (): Promise<void> => {
      await this.#objects.return?.();
    };
    close().catch(() => undefined);
  }
}
