// The sources of tests/clients/DRIVERS.md, as Node has them.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';

const BLOCK = 65536;

/** What a source throws where it is told to. */
export class DriverError extends Error {}

/** `size` bytes of a source from `offset` on. */
export function bytesOf(seed, offset, size) {
  const block = blockOf(seed);
  const bytes = Buffer.allocUnsafe(size);
  for (let done = 0; done < size; ) {
    const at = offset + done;
    const number = Math.floor(at / BLOCK);
    block.writeBigUInt64LE(BigInt(number), 0);
    const begin = at - number * BLOCK;
    done += block.copy(bytes, done, begin, Math.min(BLOCK, begin + size - done));
  }
  return bytes;
}

const blocks = new Map();

function blockOf(seed) {
  let block = blocks.get(seed);
  if (block) return block;
  block = Buffer.allocUnsafe(BLOCK);
  let x = seed >>> 0;
  for (let i = 0; i < BLOCK; i += 4) {
    x = (x ^ (x << 13)) >>> 0;
    x = (x ^ (x >>> 17)) >>> 0;
    x = (x ^ (x << 5)) >>> 0;
    block.writeUInt32LE(x, i);
  }
  blocks.set(seed, block);
  return block;
}

/** An iterator of pieces that fails, blocks and dawdles as it is told. */
export function pieces(spec, events, seed = spec.seed) {
  const { size, piece = BLOCK, delay = 0, fail_at, block_at } = spec;
  let at = 0;
  let unblock;
  let isClosed = false;
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      if (isClosed) return { done: true, value: undefined };
      if (delay) await sleep(delay * 1000);
      if (at === fail_at) throw new DriverError('the source failed');
      if (at === block_at) {
        await new Promise((resolve) => (unblock = resolve));
        return { done: true, value: undefined };
      }
      if (at === size) return { done: true, value: undefined };
      const until = Math.min(
        ...[size, at + piece, fail_at, block_at].filter((end) => end > at),
      );
      const value = bytesOf(seed, at, until - at);
      at = until;
      return { done: false, value };
    },
    async return() {
      if (!isClosed) events.push({ closed: true });
      isClosed = true;
      unblock?.();
      return { done: true, value: undefined };
    },
  };
}

function readable(spec, events, seed) {
  const stream = Readable.from(pieces(spec, events, seed), { objectMode: false });
  return stream;
}

/** What can go back in Node is a Blob; it is read by slices. */
class SeekableBlob extends Blob {
  #spec;
  #events;
  #at = 0;
  #seed;

  constructor(spec, events) {
    super();
    this.#spec = spec;
    this.#events = events;
    this.#seed = spec.seed;
  }

  get size() {
    return this.#spec.told_size ?? this.#spec.size;
  }

  slice(begin, end) {
    const { fail_at, block_at, size, delay, second } = this.#spec;
    if (begin !== this.#at) {
      this.#events.push({ sought: begin });
      if (second !== undefined) this.#seed = second;
    }
    const until = Math.min(end, size);
    this.#at = until;
    const seed = this.#seed;
    return {
      async arrayBuffer() {
        if (delay) await sleep(delay * 1000);
        if (begin <= fail_at && fail_at < end) throw new DriverError('the source failed');
        if (begin <= block_at && block_at < end) await new Promise(() => {});
        const { buffer, byteOffset, length } = bytesOf(seed, begin, Math.max(0, until - begin));
        return buffer.slice(byteOffset, byteOffset + length);
      },
    };
  }
}

/** The source that `spec` describes, and what is to be done when it is used. */
export function sourceOf(spec, events) {
  const nothing = () => undefined;
  switch (spec.kind) {
    case 'bytes':
      return { source: bytesOf(spec.seed, 0, spec.size), clean: nothing };
    case 'file': {
      if (spec.file) return { source: pathToFileURL(spec.file), clean: nothing };
      const folder = mkdtempSync(join(tmpdir(), 'driver-'));
      const file = join(folder, 'source');
      writeFileSync(file, bytesOf(spec.seed, 0, spec.size));
      return {
        source: pathToFileURL(file),
        clean: () => rmSync(folder, { recursive: true }),
      };
    }
    case 'seekable':
      return { source: new SeekableBlob(spec, events), clean: nothing };
    case 'opener': {
      let opened = 0;
      const open = () => {
        events.push({ opened: ++opened });
        const seed = opened > 1 ? (spec.second ?? spec.seed) : spec.seed;
        return readable(spec, events, seed);
      };
      return { source: open, clean: nothing };
    }
    case 'stream':
      return { source: readable(spec, events), clean: nothing };
    case 'generator':
      return { source: pieces(spec, events), clean: nothing };
    case 'web':
      return { source: Readable.toWeb(readable(spec, events)), clean: nothing };
    default:
      return { unsupported: `a source of kind ${spec.kind}` };
  }
}
