import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';

import { CallFailed, invalidRequest, sourceChanged } from './error.js';
import { quote } from './target.js';

/** What gives bytes that are read once, from the beginning. */
export type ByteStream =
  | Readable
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

/** Bytes that can be read again: those at hand, and a file by its `file:` URL. */
export type ByteHolder = Uint8Array | Blob | URL;

/**
 * What the bytes of an upload come from. An upload from a {@link ByteHolder} or
 * from a function, which is called for each reading from the beginning, is repeated
 * where that helps; one from a stream only if the stream has ended within its first
 * 1 MiB. A stream is read to its end, and destroyed or cancelled if the upload
 * ends before that.
 */
export type Source =
  | ByteHolder
  | ByteStream
  | (() => ByteHolder | ByteStream | Promise<ByteHolder | ByteStream>);

/** Where bytes are read from, once and in order. */
export interface Reader {
  /**
   * Fills `room`, and is told how many bytes came; fewer than fit only at the end.
   * One call at a time.
   */
  fill(room: Uint8Array): Promise<number>;
  /** Whether no more bytes come. */
  atEnd(): Promise<boolean>;
  /** Lets go of what it reads from, also while a call is under way. */
  close(): void;
}

/** A source of which it is known what it can do. */
export interface OpenedSource {
  /** In bytes, if it can be seen. */
  readonly size: number | undefined;
  /** Whether it can be opened more than once. */
  readonly repeatable: boolean;
  /** A reader of all bytes from `offset` on. */
  read(offset: number): Promise<Reader>;
  /** Lets go of what was not read. */
  close(): void;
}

/** What a source threw: the caller's own error, to be thrown as it is. */
export class SourceFailed extends Error {
  constructor(readonly error: unknown) {
    super('the source failed');
  }
}

function isKnown(error: unknown): boolean {
  return error instanceof SourceFailed || error instanceof CallFailed;
}

/** Looks at a source; one that is a function is called. */
export async function openSource(source: Source): Promise<OpenedSource> {
  if (typeof source !== 'function') return known(source);
  const call = async (): Promise<OpenedSource> => {
    try {
      return await known(await source());
    } catch (error) {
      throw isKnown(error) ? error : new SourceFailed(error);
    }
  };
  const first = await call();
  return first.repeatable ? first : new Reopenable(first, call);
}

async function known(source: ByteHolder | ByteStream): Promise<OpenedSource> {
  if (source instanceof Uint8Array) return new BytesSource(source);
  if (source instanceof Blob) return new BlobSource(source);
  if (source instanceof URL) return await FileSource.open(source);
  if (typeof source === 'object' && (source as unknown) !== null) {
    const stream = pieces(source);
    if (stream) return new StreamSource(stream);
  }
  throw invalidRequest(
    `the source is ${quote(source)}; it has to be bytes, a Blob, a file: URL, a ` +
      'stream, an iterable of bytes, or a function that gives one of these',
  );
}

/** A source of bytes that are at hand. */
export function bytesSource(bytes: Uint8Array): OpenedSource {
  return new BytesSource(bytes);
}

class BytesSource implements OpenedSource {
  readonly repeatable = true;

  constructor(readonly bytes: Uint8Array) {}

  get size(): number {
    return this.bytes.byteLength;
  }

  read(offset: number): Promise<Reader> {
    let at = offset;
    return Promise.resolve({
      fill: (room: Uint8Array) => {
        const piece = this.bytes.subarray(at, at + room.length);
        room.set(piece);
        at += piece.length;
        return Promise.resolve(piece.length);
      },
      atEnd: () => Promise.resolve(at >= this.bytes.byteLength),
      close: () => undefined,
    });
  }

  close(): void {
    // Nothing to let go of.
  }
}

class BlobSource implements OpenedSource {
  readonly repeatable = true;
  readonly size: number;

  constructor(readonly blob: Blob) {
    this.size = blob.size;
  }

  read(offset: number): Promise<Reader> {
    let at = offset;
    return Promise.resolve({
      fill: async (room: Uint8Array) => {
        const piece = this.blob.slice(at, at + room.length);
        const bytes = new Uint8Array(await orFail(piece.arrayBuffer()));
        room.set(bytes);
        at += bytes.length;
        return bytes.length;
      },
      atEnd: () => Promise.resolve(at >= this.size),
      close: () => undefined,
    });
  }

  close(): void {
    // Nothing to let go of.
  }
}

/** A regular file; what else has a name is read as streams are. */
class FileSource implements OpenedSource {
  readonly repeatable = true;
  #identity = '';

  private constructor(
    readonly url: URL,
    readonly size: number,
  ) {}

  static async open(url: URL): Promise<OpenedSource> {
    const file = await orFail(open(url));
    try {
      const { size } = await orFail(file.stat());
      // The files of /proc say that they are empty, and are not.
      if (size > 0 || (await isEmptyFile(file))) {
        await file.close();
        return new FileSource(url, size);
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return new StreamSource(pieces(file.createReadStream())!);
  }

  async read(offset: number): Promise<Reader> {
    const file = await orFail(open(this.url));
    let at = offset;
    const check = async (): Promise<void> => {
      const { dev, ino, size, mtimeNs } = await orFail(file.stat({ bigint: true }));
      const identity = [dev, ino, size, mtimeNs].join();
      if (at === 0) this.#identity = identity;
      if (identity !== this.#identity || Number(size) !== this.size) {
        throw this.#changed();
      }
    };
    try {
      await check();
    } catch (error) {
      await file.close();
      throw error;
    }
    const { size } = this;
    return {
      fill: async (room) => {
        let filled = 0;
        // One byte more than was announced is never asked for: a file that grew
        // is found out at the end, by its size.
        const wanted = Math.min(room.length, size - at);
        while (filled < wanted) {
          const { bytesRead } = await orFail(
            file.read(room, filled, wanted - filled, at),
          );
          if (bytesRead === 0) throw this.#changed();
          filled += bytesRead;
          at += bytesRead;
        }
        if (filled > 0 && at === size) await check();
        return filled;
      },
      atEnd: () => Promise.resolve(at >= size),
      close: () => {
        file.close().catch(() => undefined);
      },
    };
  }

  close(): void {
    // Each reader has a handle of its own.
  }

  #changed(): Error {
    return new CallFailed(
      sourceChanged(`${this.url.pathname} was changed while it was read`),
    );
  }
}

async function isEmptyFile(file: FileHandle): Promise<boolean> {
  const stats = await orFail(file.stat());
  if (!stats.isFile()) return false;
  const { bytesRead } = await orFail(file.read(new Uint8Array(1), 0, 1, 0));
  return bytesRead === 0;
}

/** A stream that nobody can go back in. */
class StreamSource implements OpenedSource {
  readonly size = undefined;
  readonly repeatable = false;
  readonly #pieces: Pieces;
  #isRead = false;

  constructor(stream: Pieces) {
    this.#pieces = stream;
  }

  read(): Promise<Reader> {
    this.#isRead = true;
    return Promise.resolve(new PieceReader(this.#pieces));
  }

  close(): void {
    if (!this.#isRead) this.#pieces.close();
  }
}

/** A function that gives a stream, called anew for each reading. */
class Reopenable implements OpenedSource {
  readonly size = undefined;
  readonly repeatable = true;
  readonly #open: () => Promise<OpenedSource>;
  #first: OpenedSource | undefined;

  constructor(first: OpenedSource, open: () => Promise<OpenedSource>) {
    this.#first = first;
    this.#open = open;
  }

  async read(offset: number): Promise<Reader> {
    const source = this.#first ?? (await this.#open());
    this.#first = undefined;
    const reader = await source.read(source.repeatable ? offset : 0);
    if (source.repeatable || offset === 0) return reader;
    try {
      await skip(reader, offset);
    } catch (error) {
      reader.close();
      throw error;
    }
    return reader;
  }

  close(): void {
    this.#first?.close();
  }
}

async function skip(reader: Reader, offset: number): Promise<void> {
  const room = new Uint8Array(Math.min(offset, 1 << 16));
  for (let left = offset; left > 0;) {
    const size = await reader.fill(room.subarray(0, Math.min(left, room.length)));
    if (size === 0) {
      throw new CallFailed(
        sourceChanged('the source ends before what was read of it the first time'),
      );
    }
    left -= size;
  }
}

/** The pieces of a stream, of whatever size. */
interface Pieces {
  next(): Promise<unknown>;
  close(): void;
}

const END = Symbol('end');

function pieces(stream: ByteStream): Pieces | undefined {
  if (stream instanceof Readable || isNodeStream(stream)) return fromReadable(stream);
  if (isWebStream(stream)) return fromWebStream(stream);
  if (Symbol.asyncIterator in stream) {
    return fromIterator(stream[Symbol.asyncIterator]());
  }
  return Symbol.iterator in stream
    ? fromIterator(stream[Symbol.iterator]())
    : undefined;
}

function isNodeStream(stream: object): stream is Readable {
  return 'pipe' in stream && 'destroy' in stream && Symbol.asyncIterator in stream;
}

function isWebStream(stream: object): stream is ReadableStream<Uint8Array> {
  return 'getReader' in stream;
}

function fromReadable(stream: Readable): Pieces {
  if (stream.errored) throw new SourceFailed(stream.errored);
  // It would look like one without any bytes.
  if (stream.readableEnded || stream.destroyed) {
    throw invalidRequest('the source is a stream that has ended, or was destroyed');
  }
  // One that comes before the iterator listens is told by it all the same.
  stream.on('error', () => undefined);
  return {
    ...fromIterator(stream[Symbol.asyncIterator]()),
    // An iterator that waits for its stream would not hear of its own return.
    close: () => stream.destroy(),
  };
}

function fromWebStream(stream: ReadableStream<Uint8Array>): Pieces {
  if (stream.locked) throw invalidRequest('the source is a stream that is locked');
  const reader = stream.getReader();
  return {
    next: async () => {
      const next = await reader.read();
      return next.done ? END : next.value;
    },
    close: () => {
      reader.cancel().catch(() => undefined);
    },
  };
}

function fromIterator(
  iterator: AsyncIterator<Uint8Array> | Iterator<Uint8Array>,
): Pieces {
  return {
    next: async () => {
      const next = await iterator.next();
      return next.done === true ? END : next.value;
    },
    close: () => {
      const closed = async (): Promise<void> => {
        await iterator.return?.();
      };
      closed().catch(() => undefined);
    },
  };
}

class PieceReader implements Reader {
  readonly #pieces: Pieces;
  #piece: Uint8Array = new Uint8Array();
  #hasEnded = false;

  constructor(stream: Pieces) {
    this.#pieces = stream;
  }

  async fill(room: Uint8Array): Promise<number> {
    let filled = 0;
    while (filled < room.length && !(await this.atEnd())) {
      const taken = this.#piece.subarray(0, room.length - filled);
      room.set(taken, filled);
      filled += taken.length;
      this.#piece = this.#piece.subarray(taken.length);
    }
    return filled;
  }

  async atEnd(): Promise<boolean> {
    while (this.#piece.length === 0 && !this.#hasEnded) {
      const piece = await orFail(this.#pieces.next());
      if (piece === END) {
        this.#hasEnded = true;
      } else if (piece instanceof Uint8Array) {
        this.#piece = piece;
      } else {
        throw new SourceFailed(
          new TypeError(`the source gave ${quote(piece)}, which is no Uint8Array`),
        );
      }
    }
    return this.#piece.length === 0;
  }

  close(): void {
    if (!this.#hasEnded) this.#pieces.close();
  }
}

async function orFail<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw new SourceFailed(error);
  }
}
