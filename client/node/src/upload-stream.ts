import { status } from '@grpc/grpc-js';
import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';

import { CHUNK_BYTES, Chunk } from './chunk.js';
import { ended } from './connection.js';
import type { Connection } from './connection.js';
import { concatCrc32c, crc32c } from './crc32c.js';
import {
  CallFailed,
  badReply,
  fromStatus,
  sizeMismatch,
  sourceChanged,
} from './error.js';
import type {
  UploadAndLinkRequest,
  UploadAndLinkResponse,
  UploadHeader,
  UploadResult,
} from './generated/lakefs_staging/v1/staging.js';
import { Latch } from './latch.js';
import type { Checkpoint } from './options.js';
import type { Outcome } from './outcome.js';
import type { ProgressMeter } from './progress-meter.js';
import type { Scope } from './scope.js';
import { staging } from './service.js';
import type { OpenedSource, Reader } from './source.js';

type Call = ClientDuplexStream<UploadAndLinkRequest | Buffer, UploadAndLinkResponse>;

/** What an UploadAndLink is made of. */
export interface StreamedUpload {
  readonly header: UploadHeader;
  readonly source: OpenedSource;
  /** A reader of the source from its beginning. */
  readonly reader: Reader;
  /** What was read with it already. */
  readonly first: Chunk | undefined;
  readonly digests: { sha256: Uint8Array | undefined; md5: Uint8Array | undefined };
  readonly meter: ProgressMeter;
  readonly onCheckpoint: (checkpoint: Checkpoint) => void;
}

/** How long the gateway may take to end a call whose result it has sent. */
const END_MS = 1000;

/**
 * One UploadAndLink, from the header to the result: sends the bytes of a source and
 * does what the gateway asks on the way.
 *
 * There are two chunks: one is with the transport, and into the other one the next
 * bytes are read. What replies ask for is done between two chunks.
 */
export class UploadStream {
  readonly #connection: Connection;
  readonly #scope: Scope;
  readonly #upload: StreamedUpload;
  readonly #call: Call;

  // What replies and the end of the call change.
  /** Nothing more is to be sent. */
  readonly #over = new Latch();
  #rewindTo: number | undefined;
  #wake: () => void = () => undefined;
  #result: UploadResult | undefined;
  #status: StatusObject | undefined;
  /** What a callback threw, or the gateway did wrong. */
  #thrown: { error: unknown } | undefined;

  // Of the sending.
  #reader: Reader;
  #free: Chunk[] = [];
  /** What is read ahead. */
  #next: Promise<Chunk> | undefined;
  /** Of the next chunk. */
  #offset = 0;
  /** How far `#crc32c` goes. */
  #hashedBytes = 0;
  #crc32c = 0;
  /** Whether the gateway has yet to say where the upload goes on. */
  #waitsForStart: boolean;
  /** A `finish` has left that no rewind has taken back: the gateway may link. */
  #finishSent = false;

  constructor(connection: Connection, scope: Scope, upload: StreamedUpload) {
    this.#connection = connection;
    this.#scope = scope;
    this.#upload = upload;
    this.#reader = upload.reader;
    this.#next = upload.first && Promise.resolve(upload.first);
    this.#waitsForStart = upload.header.resumeToken.length > 0;
    this.#call = connection.stream(staging.uploadAndLink, scope);
  }

  /** Once. Throws what a source or a callback threw, or {@link CallFailed}. */
  async run(): Promise<UploadResult> {
    const end = ended(this.#call, (reply: UploadAndLinkResponse) => {
      this.#receive(reply);
    });
    void end.then((told) => {
      this.#status = told;
      this.#over.fire();
    });
    const forget = this.#scope.onStop(() => {
      this.#over.fire();
    });
    try {
      await this.#send();
      if (!this.#result) throw this.#failure();
    } catch (error) {
      // Without this the gateway would wait for the rest. It links nothing: the
      // finish is missing.
      this.#call.cancel();
      throw error;
    } finally {
      forget();
      this.#reader.close();
    }
    this.#letEnd(end);
    return this.#result;
  }

  /** A result is the last word, whatever becomes of the connection after it. */
  #letEnd(end: Promise<StatusObject>): void {
    this.#call.end();
    const timer = setTimeout(() => {
      this.#call.cancel();
    }, END_MS);
    void end.then(() => {
      clearTimeout(timer);
    });
  }

  #failure(): unknown {
    if (this.#thrown) return this.#thrown.error;
    const outcome = this.#outcome();
    if (!this.#status) return new CallFailed(this.#scope.error(outcome));
    if (this.#status.code === status.OK) {
      return new CallFailed(this.#connection.noResult(outcome));
    }
    return new CallFailed(fromStatus(this.#status, this.#connection.address, outcome));
  }

  #outcome(): Outcome {
    return this.#finishSent ? 'UNKNOWN' : 'NOT_COMMITTED';
  }

  async #send(): Promise<void> {
    const { header } = this.#upload;
    await this.#write({ message: { $case: 'header', value: header } });
    for (;;) {
      if (this.#isOver()) return;
      try {
        await this.#step();
      } catch (error) {
        // A source that was interrupted because the call ended did not fail.
        if (!this.#isOver()) throw error;
      }
    }
  }

  #isOver(): boolean {
    return this.#over.fired;
  }

  #step(): Promise<void> {
    if (this.#rewindTo !== undefined) return this.#rewind(this.#rewindTo);
    if (this.#finishSent || this.#waitsForStart) return this.#reply();
    return this.#sendNext();
  }

  async #sendNext(): Promise<void> {
    this.#next ??= this.#read(CHUNK_BYTES);
    const chunk = await this.#unlessReplied(this.#next);
    if (!chunk) return;
    this.#next = undefined;
    this.#checkSize(chunk.size);
    if (chunk.size === 0) {
      await this.#sendFinish();
      return;
    }
    const message = chunk.message(this.#offset);
    this.#hash(chunk.data, message.crc32c);
    const written = this.#write(message.bytes);
    this.#readAhead();
    await written;
    this.#free.push(chunk);
    this.#tell(() => {
      this.#upload.meter.sent(this.#hashedBytes);
    });
  }

  async #sendFinish(): Promise<void> {
    const { digests, header } = this.#upload;
    const value = { sizeBytes: this.#offset, crc32c: this.#crc32c, ...digests };
    this.#finishSent = true;
    await this.#write({ message: { $case: 'finish', value } });
    // Who can rewind keeps the stream open, or could not send again.
    if (!header.canRewind) this.#call.end();
  }

  /** Resolves when the transport has taken it, or nothing more is to be sent. */
  async #write(message: UploadAndLinkRequest | Buffer): Promise<void> {
    if (this.#over.fired) return;
    await this.#over.until(
      new Promise<void>((resolve) => {
        this.#call.write(message, () => {
          resolve();
        });
      }),
    );
  }

  #readAhead(): void {
    this.#next = this.#read(CHUNK_BYTES);
    // It is looked at when it is its turn, if that comes.
    this.#next.catch(() => undefined);
  }

  async #read(size: number): Promise<Chunk> {
    const chunk = this.#free.pop() ?? new Chunk();
    chunk.size = await this.#reader.fill(chunk.room.subarray(0, size));
    return chunk;
  }

  #checkSize(more: number): void {
    const told = this.#upload.header.sizeBytes;
    const size = this.#offset + more;
    if (told === undefined || (more > 0 ? size <= told : size === told)) return;
    throw new CallFailed(
      sizeMismatch(told, more > 0 ? 'goes on' : `ended after ${String(size)}`),
    );
  }

  /**
   * Goes on behind `data`. Bytes that go a second time are not hashed again: should
   * they differ from the first time, the checksum of the whole shows it.
   */
  #hash(data: Buffer, checksum: number): void {
    const end = this.#offset + data.length;
    if (this.#offset === this.#hashedBytes) {
      this.#crc32c = concatCrc32c(this.#crc32c, checksum, data.length);
    } else if (end > this.#hashedBytes) {
      const behind = data.subarray(this.#hashedBytes - this.#offset);
      this.#crc32c = crc32c(behind, this.#crc32c);
    }
    this.#hashedBytes = Math.max(this.#hashedBytes, end);
    this.#offset = end;
  }

  async #rewind(offset: number): Promise<void> {
    this.#rewindTo = undefined;
    if (this.#waitsForStart) {
      this.#waitsForStart = false;
      await this.#skipTo(offset);
      return;
    }
    this.#next = undefined; // with its chunk, which may still be read into
    this.#finishSent = false;
    this.#offset = offset;
    this.#reader.close();
    const reading = this.#upload.source.read(offset);
    const reader = await this.#over.until(reading);
    if (reader) this.#reader = reader;
    else reading.then(closeReader, () => undefined);
  }

  /**
   * Reads what an earlier call has sent. It is hashed again: should it have changed
   * since, the checksum of the whole shows it, and nothing is linked.
   */
  async #skipTo(offset: number): Promise<void> {
    while (this.#offset < offset) {
      const reading = this.#read(Math.min(CHUNK_BYTES, offset - this.#offset));
      const chunk = await this.#over.until(reading);
      if (!chunk) return;
      if (chunk.size === 0) {
        throw new CallFailed(
          sourceChanged(
            `the source ends after ${String(this.#offset)} bytes, and ` +
              `${String(offset)} of it have been sent by an earlier call`,
          ),
        );
      }
      this.#hash(chunk.data, crc32c(chunk.data));
      this.#free.push(chunk);
    }
  }

  /** Waits for a rewind, a result or the end. */
  async #reply(): Promise<void> {
    await this.#unlessReplied(new Promise<never>(() => undefined));
  }

  /** Settles as `work` does, or is `undefined` after a reply that matters. */
  #unlessReplied<T>(work: Promise<T>): Promise<T | undefined> {
    return this.#over.until(
      new Promise<T | undefined>((resolve, reject) => {
        this.#wake = () => {
          resolve(undefined);
        };
        work.then(resolve, reject);
      }),
    );
  }

  #receive({ message }: UploadAndLinkResponse): void {
    if (this.#over.fired) return;
    switch (message?.$case) {
      case 'progress':
        this.#tell(() => {
          this.#upload.meter.told(message.value);
        });
        break;
      case 'checkpoint':
        this.#tell(() => {
          this.#upload.onCheckpoint(message.value);
        });
        break;
      case 'rewind':
        this.#askedForRewind(message.value.offset);
        break;
      case 'result':
        this.#result = message.value;
        this.#over.fire();
        break;
    }
  }

  #askedForRewind(offset: number): void {
    const canRewind = this.#upload.header.canRewind && offset <= this.#offset;
    if (offset >= 0 && (canRewind || this.#waitsForStart)) {
      this.#rewindTo = offset;
      this.#wake();
      return;
    }
    const words =
      `the gateway at ${this.#connection.address} asked for bytes from offset ` +
      `${String(offset)} that it cannot have again`;
    this.#thrown = { error: new CallFailed(badReply(words, this.#outcome())) };
    this.#over.fire();
  }

  #tell(callback: () => void): void {
    if (this.#over.fired) return;
    try {
      callback();
    } catch (error) {
      this.#thrown = { error };
      this.#over.fire();
    }
  }
}

function closeReader(reader: Reader): void {
  reader.close();
}
