import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { test } from 'node:test';

import { crc32c } from '../src/crc32c.js';
import {
  CancelledError,
  IntegrityError,
  InvalidRequestError,
  OutcomeUnknownError,
  StagingError,
} from '../src/index.js';
import type { Progress } from '../src/index.js';
import {
  Advice,
  Ending,
  FakeGateway,
  Outcome,
  codes,
  committed,
  givenUp,
  next,
  receive,
  result,
  unavailable,
} from './fake-gateway.js';
import type { Received } from './fake-gateway.js';

const MIB = 1 << 20;
const TARGET = 'lakefs://repo/main/object';

function bytes(size: number): Buffer {
  const data = Buffer.alloc(size);
  for (let i = 0; i < size; i += 4096) data.writeUInt32LE(i, Math.min(i, size - 4));
  return data;
}

/** A gateway that keeps what it gets, and the number of each call. */
async function keeping(): Promise<{ gateway: FakeGateway; kept: Received[] }> {
  const kept: Received[] = [];
  const gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      const received = await receive(call);
      kept.push(received);
      call.write(result(received.bytes.length));
    },
    uploadObject: (request) => committed(request.data.length),
  });
  return { gateway, kept };
}

function isError(
  fields: Partial<StagingError>,
  type: new (...of: never[]) => Error = StagingError,
): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof type, String(error));
    for (const [name, value] of Object.entries(fields)) {
      assert.deepEqual(
        (error as unknown as Record<string, unknown>)[name],
        value,
        name,
      );
    }
    return true;
  };
}

test('what has at most 1 MiB goes in one message, with its checksum', async () => {
  const seen: { size: number; crc32c: number | undefined; told: number | undefined }[] =
    [];
  await using gateway = await FakeGateway.start({
    uploadObject: ({ data, crc32c: sum, header }) => {
      assert.equal(sum, crc32c(data));
      seen.push({ size: data.length, crc32c: sum, told: header?.sizeBytes });
      return committed(data.length);
    },
  });
  const client = gateway.client();
  for (const size of [0, 5, MIB]) {
    const data = bytes(Math.max(size, 4)).subarray(0, size);
    for (const source of [
      data,
      new Blob([data]),
      () => Readable.from(size > 0 ? [data] : []),
      Readable.from(size > 0 ? [data] : []),
      [data],
      new Blob([data]).stream(),
    ]) {
      const { object, attempts } = await client.upload(source, TARGET);
      assert.equal(object.sizeBytes, size);
      assert.equal(attempts, 1);
    }
  }
  assert.equal(seen.length, 18);
  assert.ok(seen.every(({ size, told }) => size === told));
});

test('what has more goes in chunks of 1 MiB, whatever pieces it comes in', async () => {
  const { gateway, kept } = await keeping();
  await using _ = gateway;
  const client = gateway.client();
  const data = bytes(3 * MIB + 17);
  const inPieces = (size: number): Buffer[] => {
    const pieces = [];
    for (let at = 0; at < data.length; at += size)
      pieces.push(data.subarray(at, at + size));
    return pieces;
  };
  const seekable = [data, new Blob([data])];
  const reopenable = [() => Readable.from(inPieces(70_001)), () => data];
  const once = [
    Readable.from(inPieces(1001)),
    new Blob([data]).stream(),
    inPieces(2 * MIB + 3),
  ];
  for (const source of [...seekable, ...reopenable, ...once]) {
    await client.upload(source, TARGET);
  }
  assert.equal(kept.length, 7);
  kept.forEach(({ bytes: got, chunks, header, finish }, i) => {
    assert.ok(got.equals(data));
    assert.deepEqual(
      chunks.map(({ offset }) => offset),
      [0, MIB, 2 * MIB, 3 * MIB],
    );
    assert.deepEqual(finish?.crc32c, crc32c(data));
    assert.equal(finish.sizeBytes, data.length);
    assert.equal(header.canRewind, i < 4);
    assert.equal(header.sizeBytes, i < 2 || i === 3 ? data.length : undefined);
  });
});

test('a digest goes with finish, also of what is small', async () => {
  const { gateway, kept } = await keeping();
  await using _ = gateway;
  const sha256 = Buffer.alloc(32, 7);
  await gateway.client().upload(Buffer.from('small'), TARGET, { sha256 });
  assert.equal(kept[0]!.header.sha256Follows, true);
  assert.equal(kept[0]!.header.md5Follows, false);
  assert.ok(sha256.equals(kept[0]!.finish!.sha256!));
});

test('options and target go as they are, and mtime in whole seconds', async () => {
  let header;
  await using gateway = await FakeGateway.start({
    uploadObject: (request) => {
      header = request.header;
      return committed(1);
    },
  });
  await gateway.client().upload(Buffer.from('x'), 'lakefs://repo/main//ä?#%2F/ ', {
    contentType: 'text/plain',
    userMetadata: { a: 'ü' },
    ifMatch: 'abc',
    force: true,
    mtime: new Date(-1500),
    requestId: 'mine',
  });
  assert.deepEqual(header, {
    object: { repository: 'repo', branch: 'main', path: '/ä?#%2F/ ' },
    contentType: 'text/plain',
    userMetadata: { a: 'ü' },
    sizeBytes: 1,
    ifAbsent: false,
    force: true,
    mtime: { seconds: -2, nanos: 0 },
    requestId: 'mine',
    progress: false,
    canRewind: false,
    sha256Follows: false,
    md5Follows: false,
    attempt: 0,
    ifMatch: 'abc',
    resumable: false,
    resumeToken: new Uint8Array(),
  });
});

test('what is no target, text or number is refused without a call', async () => {
  await using gateway = await FakeGateway.start({});
  const client = gateway.client();
  const data = Buffer.from('x');
  const wrong = isError(
    { reason: 'INVALID_REQUEST', nothingLinked: true, attempts: 0 },
    InvalidRequestError,
  );
  for (const target of [
    'a/b/c',
    'lakefs://r',
    'lakefs://r/b',
    'lakefs://r//x',
    '\ud800',
  ]) {
    await assert.rejects(client.upload(data, target), wrong);
  }
  await assert.rejects(client.upload(data, 'lakefs://r/b/\ud800'), wrong);
  await assert.rejects(
    client.upload(data, TARGET, { userMetadata: { a: '\udfff' } }),
    wrong,
  );
  await assert.rejects(client.upload(data, TARGET, { sizeBytes: 2 ** 60 }), wrong);
  await assert.rejects(client.upload(data, TARGET, { attempts: 0 }), wrong);
  await assert.rejects(client.upload(data, TARGET, { timeoutMs: NaN }), wrong);
  await assert.rejects(client.upload('text' as never, TARGET), wrong);
  await assert.rejects(
    client.upload(data, TARGET, { checkpoint: () => undefined }),
    wrong,
  );
  assert.equal(gateway.count('uploadObject'), 0);
});

test('a rewind is followed, and the checksum of the whole stays right', async () => {
  const data = bytes(4 * MIB + 5);
  const rewinds = [2 * MIB, 1234567, 0];
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      let halfClosed = false;
      call.on('end', () => (halfClosed = true));
      for (const offset of rewinds) {
        call.write({ message: { $case: 'rewind', value: { offset } } });
        const again = await receive(call);
        assert.equal(again.chunks[0]?.offset, offset);
        assert.ok(again.bytes.equals(data.subarray(offset)));
        assert.equal(again.finish?.crc32c, crc32c(data));
      }
      assert.equal(halfClosed, false);
      call.write(result(data.length));
    },
  });
  const client = gateway.client();
  for (const source of [data, new Blob([data]), () => Readable.from([data])]) {
    await client.upload(source, TARGET);
  }
});

test('a rewind that was not offered, or too far, is BAD_REPLY', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, () => true);
      call.write({ message: { $case: 'rewind', value: { offset: 2 ** 40 } } });
      await givenUp(call);
    },
  });
  const data = bytes(3 * MIB);
  for (const source of [data, [data]]) {
    await assert.rejects(
      gateway.client().upload(source, TARGET),
      isError({ reason: 'BAD_REPLY', advice: 'GIVE_UP', attempts: 1 }),
    );
  }
});

test('what a source throws comes out as it was, and nothing is finished', async () => {
  const arrived = new EventEmitter();
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, ({ chunks }) => chunks.length === 2);
      arrived.emit('two');
      const rest = await receive(call);
      arrived.emit('end', rest.finish);
    },
  });
  const own = new Error('mine');
  async function* failing(): AsyncGenerator<Buffer> {
    const two = once(arrived, 'two');
    yield bytes(3 * MIB);
    await two;
    throw own;
  }
  const client = gateway.client();
  const web = (): unknown => Readable.toWeb(Readable.from(failing()));
  for (const make of [failing, () => failing, web]) {
    const source = make();
    const end = once(arrived, 'end');
    await assert.rejects(
      client.upload(source as never, TARGET),
      (error) => error === own,
    );
    assert.deepEqual(await end, [undefined]);
  }
  await assert.rejects(
    client.upload(() => Promise.reject(own), TARGET),
    (error) => error === own,
  );
});

test('a stream that was destroyed or cut short links nothing', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      assert.equal((await receive(call)).finish, undefined);
    },
  });
  const client = gateway.client();
  const cut = new Readable({ read: () => undefined });
  cut.push(bytes(3 * MIB));
  const upload = client.upload(cut, TARGET);
  setImmediate(() => cut.destroy());
  await assert.rejects(upload, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  await assert.rejects(client.upload(cut, TARGET), { reason: 'INVALID_REQUEST' });
  const read = Readable.from([Buffer.from('x')]);
  read.resume();
  await once(read, 'end');
  await assert.rejects(client.upload(read, TARGET), { reason: 'INVALID_REQUEST' });
});

test('a size that is told has to be right', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      assert.equal((await receive(call)).finish, undefined);
    },
  });
  const client = gateway.client();
  for (const sizeBytes of [3, 2 * MIB, 4 * MIB]) {
    await assert.rejects(
      client.upload([bytes(3 * MIB)], TARGET, { sizeBytes }),
      isError({ reason: 'SIZE_MISMATCH', nothingLinked: true }, IntegrityError),
    );
  }
  await assert.rejects(client.upload(Buffer.alloc(3), TARGET, { sizeBytes: 4 }), {
    reason: 'SIZE_MISMATCH',
  });
  assert.equal(gateway.count('uploadObject'), 0);
});

test('what can be repeated is, with one id, a counted attempt and the same header', async () => {
  const headers: unknown[] = [];
  const times: number[] = [];
  const data = bytes(2 * MIB);
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call, number) => {
      times.push(performance.now());
      const received = await receive(call, () => number < 3);
      headers.push({ ...received.header, attempt: received.header.attempt - number });
      if (number < 3) {
        const more = { retryAfterMs: 250 };
        throw unavailable('DRAINING', Outcome.NOT_COMMITTED, Advice.RETRY_CALL, more);
      }
      assert.ok(received.bytes.equals(data));
      call.write(result(data.length));
    },
  });
  const { attempts, requestId } = await gateway.client().upload(data, TARGET);
  assert.equal(attempts, 3);
  assert.deepEqual(headers[0], headers[1]);
  assert.deepEqual(headers[0], headers[2]);
  assert.equal((headers[0] as { requestId: string }).requestId, requestId);
  assert.match(requestId!, /^[0-9a-f-]{36}$/);
  assert.ok(times[1]! - times[0]! >= 249 && times[2]! - times[1]! >= 249);
});

test('a stream of more than 1 MiB is not repeated, a small one is', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, () => true);
      throw unavailable('DRAINING');
    },
    uploadObject: ({ data }, number) => {
      if (number < 3) throw unavailable('DRAINING');
      return committed(data.length);
    },
  });
  const client = gateway.client();
  await assert.rejects(
    client.upload([bytes(2 * MIB)], TARGET),
    isError({ reason: 'DRAINING', attempts: 1, retryable: true }),
  );
  const { attempts } = await client.upload([bytes(1000)], TARGET);
  assert.equal(attempts, 3);
});

test('FIX_REQUEST, GIVE_UP and unknown advice are not repeated', async () => {
  for (const advice of [Advice.FIX_REQUEST, Advice.GIVE_UP, 99 as Advice]) {
    await using gateway = await FakeGateway.start({
      uploadObject: () => {
        throw unavailable('ODD', Outcome.NOT_COMMITTED, advice);
      },
    });
    await assert.rejects(
      gateway.client().upload(Buffer.from('x'), TARGET),
      isError({ attempts: 1, retryable: false }),
    );
  }
});

test('attempts are limited, and the last error is told', async () => {
  await using gateway = await FakeGateway.start({
    uploadObject: (_, number) => {
      throw unavailable(`FAILURE_${String(number)}`);
    },
  });
  await assert.rejects(
    gateway.client().upload(Buffer.from('x'), TARGET, { attempts: 3 }),
    isError({ reason: 'FAILURE_3', attempts: 3 }),
  );
});

test('what one attempt may have linked, a later one does not make undone', async () => {
  const error = async (last: () => Ending): Promise<unknown> => {
    await using gateway = await FakeGateway.start({
      uploadObject: (_, number) => {
        throw number === 1 ? new Ending(codes.UNAVAILABLE) : last();
      },
    });
    const upload = gateway.client().upload(Buffer.from('x'), TARGET, { attempts: 2 });
    return await upload.catch((thrown: unknown) => (thrown as StagingError).outcome);
  };
  assert.equal(await error(() => unavailable('DRAINING')), 'UNKNOWN');
  const refused = (): Ending =>
    unavailable('OBJECT_EXISTS', Outcome.NOT_COMMITTED, Advice.FIX_REQUEST);
  assert.equal(await error(refused), 'NOT_COMMITTED');
});

test('without a request id nothing is repeated that may have been linked', async () => {
  await using gateway = await FakeGateway.start({
    uploadObject: () => {
      throw new Ending(codes.UNAVAILABLE);
    },
  });
  await assert.rejects(
    gateway.client().upload(Buffer.from('x'), TARGET, { requestId: '' }),
    isError(
      {
        reason: 'GATEWAY_CONNECTION_LOST',
        outcome: 'UNKNOWN',
        attempts: 1,
        requestId: undefined,
      },
      OutcomeUnknownError,
    ),
  );
});

test('where it cannot be repeated, it is asked what became of it', async () => {
  const asked: string[] = [];
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      throw new Ending(codes.UNAVAILABLE);
    },
    outcome: ({ requestId, object }, number) => {
      asked.push(`${requestId} ${object?.path ?? ''}`);
      return number === 1
        ? { outcome: Outcome.UNKNOWN, inProgress: true }
        : { outcome: Outcome.COMMITTED, result: committed(2 * MIB) };
    },
  });
  const { outcome } = await gateway
    .client()
    .upload([bytes(2 * MIB)], TARGET, { requestId: 'mine' });
  assert.equal(outcome, 'COMMITTED');
  assert.deepEqual(asked, ['mine object', 'mine object']);
});

test('a failure that is told then is the error, and NOT_FOUND proves nothing', async () => {
  let isKnown = true;
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      throw new Ending(codes.UNAVAILABLE);
    },
    outcome: () => {
      if (!isKnown) throw new Ending(codes.NOT_FOUND);
      return {
        outcome: Outcome.NOT_COMMITTED,
        failureReason: 'LINK_CONFLICT',
        failureMessage: 'commits kept getting in',
        failure: {
          outcome: Outcome.NOT_COMMITTED,
          advice: Advice.RESTART,
          object: undefined,
          rounds: 8,
          attempts: 9,
        },
      };
    },
  });
  const client = gateway.client();
  await assert.rejects(
    client.upload([bytes(2 * MIB)], TARGET),
    isError({ reason: 'LINK_CONFLICT', code: 'ABORTED', outcome: 'NOT_COMMITTED' }),
  );
  isKnown = false;
  await assert.rejects(
    client.upload([bytes(2 * MIB)], TARGET, { requestId: 'mine' }),
    (error: unknown) => {
      assert.ok(error instanceof OutcomeUnknownError);
      assert.equal(error.reason, 'GATEWAY_CONNECTION_LOST');
      assert.match(error.message, /mine/);
      return true;
    },
  );
});

test('before finish a lost connection is NOT_COMMITTED', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, () => true);
      throw new Ending(codes.UNAVAILABLE);
    },
  });
  await assert.rejects(
    gateway.client().upload([bytes(8 * MIB)], TARGET),
    isError({ reason: 'GATEWAY_CONNECTION_LOST', outcome: 'NOT_COMMITTED' }),
  );
  assert.equal(gateway.count('outcome'), 0);
});

test('an abort ends a blocked read, and the reason is the cause', async () => {
  const controller = new AbortController();
  const arrived = new EventEmitter();
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, ({ chunks }) => chunks.length === 2);
      arrived.emit('two');
      arrived.emit('end', (await receive(call)).finish);
    },
  });
  const stream = new Readable({ read: () => undefined });
  stream.push(bytes(2 * MIB + 1));
  const two = once(arrived, 'two');
  const end = once(arrived, 'end');
  const upload = gateway.client().upload(stream, TARGET, { signal: controller.signal });
  await two;
  const reason = new Error('enough');
  controller.abort(reason);
  await assert.rejects(
    upload,
    isError(
      { name: 'AbortError', cause: reason, outcome: 'NOT_COMMITTED' },
      CancelledError,
    ),
  );
  assert.deepEqual(await end, [undefined]);
  assert.equal(stream.destroyed, true);
  await assert.rejects(
    gateway.client().upload(Buffer.from('x'), TARGET, { signal: controller.signal }),
    isError({ cause: reason, nothingLinked: true }, CancelledError),
  );
});

test('after finish an abort leaves the outcome unknown', async () => {
  const controller = new AbortController();
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      controller.abort();
      await givenUp(call);
    },
  });
  await assert.rejects(
    gateway.client().upload(bytes(2 * MIB), TARGET, { signal: controller.signal }),
    isError({ outcome: 'UNKNOWN' }, CancelledError),
  );
});

test('the time is for all of it', async () => {
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      await givenUp(call);
    },
    uploadObject: () => {
      throw unavailable('DRAINING');
    },
  });
  const client = gateway.client();
  await assert.rejects(
    client.upload(bytes(2 * MIB), TARGET, { timeoutMs: 300 }),
    isError({ reason: 'DEADLINE_EXCEEDED', outcome: 'UNKNOWN' }),
  );
  const blocked = new Readable({ read: () => undefined });
  await assert.rejects(
    client.upload(blocked, TARGET, { timeoutMs: 100 }),
    isError({ reason: 'DEADLINE_EXCEEDED', outcome: 'NOT_COMMITTED' }),
  );
  assert.equal(blocked.destroyed, true);
});

test('progress does not fall, ends with the whole, and may throw', async () => {
  const size = 3 * MIB;
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call);
      for (const [received, stored] of [
        [size, 100],
        [10, 5],
      ] as const) {
        const value = { phase: 1, receivedBytes: received, storedBytes: stored };
        call.write({ message: { $case: 'progress', value } });
      }
      call.write(result(size));
    },
    uploadObject: ({ data }) => committed(data.length),
  });
  const client = gateway.client();
  for (const data of [bytes(size), bytes(100)]) {
    const told: Progress[] = [];
    await client.upload(data, TARGET, { progress: (progress) => told.push(progress) });
    assert.equal(told.at(-1)?.receivedBytes, data.length);
    assert.equal(told.at(-1)?.storedBytes, data.length);
    told.reduce((before, now) => {
      assert.ok(now.receivedBytes >= before.receivedBytes);
      assert.ok(now.storedBytes >= before.storedBytes);
      return now;
    });
  }
  const own = new Error('mine');
  let calls = 0;
  const throwing = (): void => {
    if (++calls === 2) throw own;
  };
  await assert.rejects(
    client.upload(bytes(size), TARGET, { progress: throwing }),
    (error) => error === own,
  );
});

test('an upload is gone on with where its token says', async () => {
  const data = bytes(4 * MIB + 9);
  const token = Buffer.from('token');
  const got: Received[] = [];
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      const first = await next(call);
      assert.equal(first?.$case, 'header');
      if (first.value.resumeToken.length === 0) {
        const value = { token, offset: 3 * MIB };
        await receive(call, () => true);
        call.write({ message: { $case: 'checkpoint', value } });
        throw unavailable('DRAINING');
      }
      assert.ok(token.equals(first.value.resumeToken));
      call.write({ message: { $case: 'rewind', value: { offset: 3 * MIB } } });
      const received = await receive(call);
      got.push(received);
      call.write(result(data.length));
    },
  });
  const client = gateway.client();
  const options = { requestId: 'mine' };
  const offsets: number[] = [];
  await client.upload(data, TARGET, {
    ...options,
    checkpoint: ({ offset }) => offsets.push(offset),
  });
  await client.upload([data], TARGET, { ...options, resumeToken: token });
  assert.deepEqual(offsets, [3 * MIB]);
  assert.equal(got.length, 2);
  for (const { bytes: tail, finish, chunks } of got) {
    assert.equal(chunks[0]?.offset, 3 * MIB);
    assert.ok(tail.equals(data.subarray(3 * MIB)));
    assert.deepEqual([finish?.sizeBytes, finish?.crc32c], [data.length, crc32c(data)]);
  }
  await assert.rejects(
    client.upload([bytes(2 * MIB)], TARGET, { ...options, resumeToken: token }),
    { reason: 'SOURCE_CHANGED' },
  );
});

test('a token that is refused is dropped, and all is sent', async () => {
  const data = bytes(2 * MIB);
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      const first = await next(call);
      assert.equal(first?.$case, 'header');
      if (first.value.resumeToken.length > 0) {
        throw unavailable('RESUME_EXPIRED', Outcome.NOT_COMMITTED, Advice.RESTART);
      }
      const received = await receive(call);
      assert.ok(received.bytes.equals(data));
      call.write(result(data.length));
    },
  });
  const { attempts } = await gateway
    .client()
    .upload(data, TARGET, { requestId: 'mine', resumeToken: Buffer.from('old') });
  assert.equal(attempts, 2);
});

test('no more than four chunks are held', async () => {
  let taken = 0;
  let most = 0;
  const piece = bytes(MIB);
  function* pieces(): Generator<Buffer> {
    for (; taken < 32; ++taken) yield piece;
  }
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      await receive(call, ({ chunks }) => {
        most = Math.max(most, taken - chunks.length);
        return false;
      });
      call.write(result(32 * MIB));
    },
  });
  await gateway.client().upload(pieces(), TARGET);
  assert.equal(taken, 32);
  assert.ok(most <= 4, `${String(most)} were held`);
});
