import { Writable } from 'node:stream';

import type { Connection } from './connection.js';
import type { StreamOptions, UploadResult } from './options.js';
import type { Scope } from './scope.js';
import type { Target } from './target.js';
import { Upload } from './upload.js';

/** More than a pipe or a file gives at a time, and less than a chunk. */
const HIGH_WATER_MARK_BYTES = 256 * 1024;

/**
 * What is written here becomes one object, and shows only when all of it is there:
 * `end()` links it, and 'finish' comes when that has been done. `destroy()` ends
 * the upload with nothing linked, and 'close' comes when that is certain; so does an
 * error of what is piped into it with `pipeline`. So does forgetting it, with a
 * warning.
 *
 * Made by {@link Client.createWriteStream}.
 */
export class UploadWriteStream extends Writable {
  /**
   * What came of it, once it has: rejected with a {@link StagingError} where it
   * failed, also by `destroy()`. Need not be looked at: the stream tells errors,
   * too.
   */
  readonly result: Promise<UploadResult>;
  /** The id by which {@link Client.outcome} knows it; `undefined` for none. */
  readonly requestId: string | undefined;

  readonly #pieces: WrittenPieces;
  readonly #scope: Scope;
  #isSettled = false;

  /** @internal */
  constructor(connection: Connection, target: Target, options: StreamOptions) {
    super({ highWaterMark: HIGH_WATER_MARK_BYTES, decodeStrings: true });
    const scope = connection.begin(options);
    try {
      const upload = new Upload(connection, scope, target, options);
      this.requestId = upload.requestId;
      this.#pieces = new WrittenPieces();
      this.result = run(connection, scope, upload, this.#pieces, new WeakRef(this));
    } catch (error) {
      connection.end(scope);
      throw error;
    }
    this.#scope = scope;
    this.result.catch(() => undefined);
    forgotten.register(this, scope, this);
  }

  /** @internal */
  settled(error?: Error): void {
    this.#isSettled = true;
    forgotten.unregister(this);
    if (error) this.destroy(error);
  }

  /** @internal */
  override _write(
    piece: Buffer,
    _encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.#pieces.write(piece, callback);
  }

  /** @internal */
  override _final(callback: (error?: Error | null) => void): void {
    this.#pieces.end();
    this.result.then(() => {
      callback();
    }, callback);
  }

  /** @internal */
  override _destroy(
    error: Error | null,
    callback: (error?: Error | null) => void,
  ): void {
    if (!this.#isSettled)
      this.#scope.cancel('the stream was destroyed', error ?? undefined);
    const told = (): void => {
      callback(error);
    };
    this.result.then(told, told);
  }
}

/** Whoever drops a stream without `end()` or `destroy()` has it destroyed. */
const forgotten = new FinalizationRegistry<Scope>((scope) => {
  process.emitWarning(
    'an upload stream was dropped without end() or destroy(); nothing was linked',
    'ResourceWarning',
  );
  scope.cancel('the stream was dropped');
});

/** Does not hold on to the stream: it has to be seen when nobody else does. */
async function run(
  connection: Connection,
  scope: Scope,
  upload: Upload,
  pieces: WrittenPieces,
  stream: WeakRef<UploadWriteStream>,
): Promise<UploadResult> {
  const running = upload.run(pieces);
  // That it failed, the stream tells.
  try {
    const result = await running;
    pieces.discard();
    stream.deref()?.settled();
    return result;
  } catch (error) {
    pieces.fail(error as Error);
    stream.deref()?.settled(error as Error);
    throw error;
  } finally {
    connection.end(scope);
  }
}

/** The pieces that are written, for an upload to read; one at a time is held. */
class WrittenPieces implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  #piece: Uint8Array | undefined;
  #taken: ((error?: Error | null) => void) | undefined;
  #hasEnded = false;
  #isDone = false;
  #error: Error | undefined;
  #wake: () => void = () => undefined;

  /** `taken` is called when the piece is needed no more, or never will be. */
  write(piece: Uint8Array, taken: (error?: Error | null) => void): void {
    if (this.#error || this.#isDone) {
      taken(this.#error);
      return;
    }
    this.#piece = piece;
    this.#taken = taken;
    this.#wake();
  }

  end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  /** The object stands, whatever comes: the gateway had it from an earlier call. */
  discard(): void {
    this.#isDone = true;
    this.#piece = undefined;
    this.#release();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#release(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    // Who asks for the next one has copied the last one.
    this.#release();
    while (!this.#piece && !this.#hasEnded) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    const value = this.#piece;
    this.#piece = undefined;
    return value ? { done: false, value } : { done: true, value: undefined };
  }

  #release(error?: Error): void {
    const taken = this.#taken;
    if (this.#piece && !error) return;
    this.#taken = undefined;
    this.#piece = undefined;
    taken?.(error);
  }
}
