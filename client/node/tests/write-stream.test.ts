import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { finished, pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createGzip, gunzipSync } from 'node:zlib';

import { CancelledError, StagingError } from '../src/index.js';
import type { Client, UploadWriteStream } from '../src/index.js';
import {
  FakeGateway,
  committed,
  receive,
  result,
  unavailable,
} from './fake-gateway.js';
import type { Received } from './fake-gateway.js';

const MIB = 1 << 20;
const TARGET = 'lakefs://repo/main/object';

/** A gateway that tells of each stream when it has had two chunks, and its end. */
async function watching(): Promise<{ gateway: FakeGateway; seen: EventEmitter }> {
  const seen = new EventEmitter();
  const gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      const parts = [await receive(call, ({ chunks }) => chunks.length === 2)];
      seen.emit('two');
      if (!parts[0]!.finish) parts.push(await receive(call));
      const whole = Buffer.concat(parts.map(({ bytes }) => bytes));
      const { finish } = parts.at(-1)!;
      seen.emit('end', { bytes: whole, finish });
      if (finish) call.write(result(whole.length));
    },
    uploadObject: ({ data }) => {
      seen.emit('object', Buffer.from(data));
      return committed(data.length);
    },
  });
  return { gateway, seen };
}

type Seen = [Pick<Received, 'bytes' | 'finish'>];

test('end() links what was written, and finish comes after that', async () => {
  const { gateway, seen } = await watching();
  await using _ = gateway;
  const out = gateway.client().createWriteStream(TARGET);
  const end = once(seen, 'end') as Promise<Seen>;
  const data = Buffer.alloc(3 * MIB + 1, 'abc');
  for (let at = 0; at < data.length; at += 100_000) {
    if (!out.write(data.subarray(at, at + 100_000))) await once(out, 'drain');
  }
  out.end();
  await finished(out);
  const [{ bytes, finish }] = await end;
  assert.ok(bytes.equals(data) && finish);
  const { outcome, requestId } = await out.result;
  assert.equal(outcome, 'COMMITTED');
  assert.equal(requestId, out.requestId);
  out.end();
  out.destroy();
  assert.equal((await out.result).outcome, 'COMMITTED');
  assert.equal(gateway.count('uploadAndLink'), 1);
});

test('what ends within its first 1 MiB is one message, and is repeated', async () => {
  let got: Uint8Array | undefined;
  await using gateway = await FakeGateway.start({
    uploadObject: ({ data }, number) => {
      if (number === 1) throw unavailable('DRAINING');
      got = data;
      return committed(data.length);
    },
  });
  for (const text of ['', 'a,b\n']) {
    const out = gateway.client().createWriteStream(TARGET);
    out.end(text);
    await finished(out);
    assert.equal(Buffer.from(got!).toString(), text);
  }
});

test('destroy() links nothing, and close comes when that is certain', async () => {
  const { gateway, seen } = await watching();
  await using _ = gateway;
  const out = gateway.client().createWriteStream(TARGET);
  const [two, end] = [once(seen, 'two'), once(seen, 'end') as Promise<Seen>];
  out.write(Buffer.alloc(2 * MIB + 5));
  await two;
  out.destroy();
  await once(out, 'close');
  await assert.rejects(out.result, (error: unknown) => {
    assert.ok(error instanceof CancelledError);
    assert.equal(error.outcome, 'NOT_COMMITTED');
    return true;
  });
  const [{ finish }] = await end;
  assert.equal(finish, undefined);
  out.end();
  await assert.rejects(out.result, CancelledError);
});

test('destroy() before anything was written makes no call', async () => {
  const { gateway } = await watching();
  await using _ = gateway;
  const out = gateway.client().createWriteStream(TARGET);
  out.destroy();
  await assert.rejects(out.result, CancelledError);
  assert.equal(gateway.count('uploadAndLink') + gateway.count('uploadObject'), 0);
});

test('pipeline links the whole, through gzip too', async () => {
  const { gateway, seen } = await watching();
  await using _ = gateway;
  const data = Buffer.alloc(5 * MIB, 'abc');
  const object = once(seen, 'object') as Promise<[Buffer]>;
  const out = gateway.client().createWriteStream(TARGET);
  await pipeline(Readable.from([data]), createGzip(), out);
  assert.ok(gunzipSync((await object)[0]).equals(data));
});

test('pipeline links nothing of a source that fails, and throws its error', async () => {
  const { gateway, seen } = await watching();
  await using _ = gateway;
  const own = new Error('mine');
  for (const isWrapped of [false, true]) {
    async function* failing(): AsyncGenerator<Buffer> {
      const two = once(seen, 'two');
      yield Buffer.alloc(3 * MIB);
      await two;
      throw own;
    }
    const end = once(seen, 'end') as Promise<Seen>;
    const out = gateway.client().createWriteStream(TARGET);
    const piped = isWrapped
      ? pipeline(failing(), new PassThrough(), out)
      : pipeline(failing(), out);
    await assert.rejects(piped, (error: unknown) => error === own);
    const [{ finish }] = await end;
    assert.equal(finish, undefined);
    await assert.rejects(out.result, CancelledError);
  }
});

test('an error of the call meets the write and the result', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, () => true);
      throw unavailable('DRAINING');
    },
  });
  const out = gateway.client().createWriteStream(TARGET);
  const isDraining = (error: unknown): boolean =>
    error instanceof StagingError && error.reason === 'DRAINING';
  await assert.rejects(
    pipeline(function* () {
      for (let i = 0; i < 1000; ++i) yield Buffer.alloc(MIB);
    }, out),
    isDraining,
  );
  await assert.rejects(out.result, isDraining);
});

test('an error that comes while nothing is written destroys the stream', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, () => true);
      throw unavailable('DRAINING');
    },
  });
  const out = gateway.client().createWriteStream(TARGET);
  const error = once(out, 'error');
  out.write(Buffer.alloc(2 * MIB + 1));
  assert.equal(((await error) as [StagingError])[0].reason, 'DRAINING');
});

test('an abort destroys the stream', async () => {
  const { gateway, seen } = await watching();
  await using _ = gateway;
  const controller = new AbortController();
  const { signal } = controller;
  const out = gateway.client().createWriteStream(TARGET, { signal });
  const [two, error] = [once(seen, 'two'), once(out, 'error')];
  out.write(Buffer.alloc(2 * MIB + 1));
  await two;
  controller.abort();
  assert.ok(((await error) as [Error])[0] instanceof CancelledError);
});

test('one that is forgotten is ended, with a warning', async (t) => {
  const { gc } = globalThis;
  if (!gc) {
    t.skip('needs --expose-gc');
    return;
  }
  const { gateway, seen } = await watching();
  await using _ = gateway;
  const [two, end] = [once(seen, 'two'), once(seen, 'end') as Promise<Seen>];
  await writeAndForget(gateway.client());
  await two;
  let warning: Error | undefined;
  const warn = (told: Error): void => {
    warning = told;
  };
  process.on('warning', warn);
  try {
    for (let i = 0; i < 1000 && !warning; ++i) {
      await turn();
      gc();
    }
    assert.equal(warning?.name, 'ResourceWarning');
    const [{ finish }] = await end;
    assert.equal(finish, undefined);
  } finally {
    process.off('warning', warn);
  }
});

/** Leaves nothing on the stack of the test. */
async function writeAndForget(client: Client): Promise<void> {
  const out: UploadWriteStream = client.createWriteStream(TARGET);
  await new Promise<void>((resolve) => {
    out.write(Buffer.alloc(2 * MIB + 1), () => {
      resolve();
    });
  });
}

test('nothing that fails is an unhandled rejection', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      throw unavailable('DRAINING');
    },
  });
  const unhandled: unknown[] = [];
  const note = (error: unknown): void => {
    unhandled.push(error);
  };
  process.on('unhandledRejection', note);
  try {
    const client = gateway.client();
    const destroyed = client.createWriteStream(TARGET);
    destroyed.write(Buffer.alloc(2 * MIB));
    destroyed.destroy();
    await once(destroyed, 'close');
    const failed = client.createWriteStream(TARGET);
    failed.on('error', () => undefined);
    failed.end(Buffer.alloc(2 * MIB));
    await new Promise<void>((resolve) => failed.once('close', resolve));
    for (let i = 0; i < 10; ++i) await turn();
    assert.deepEqual(unhandled, []);
  } finally {
    process.off('unhandledRejection', note);
  }
});

test('what is written after an early result is not waited for', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, () => true);
      call.write(result(5));
    },
  });
  const out = gateway.client().createWriteStream(TARGET);
  await pipeline(function* () {
    for (let i = 0; i < 20; ++i) yield Buffer.alloc(MIB);
  }, out);
  assert.equal((await out.result).object.sizeBytes, 5);
});
