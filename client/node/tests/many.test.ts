import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { test } from 'node:test';

import { crc32c } from '../src/crc32c.js';
import { CancelledError, StagingError } from '../src/index.js';
import type { SmallObject } from '../src/index.js';
import type {
  UploadManyRequest,
  UploadManyResponse,
} from '../src/generated/lakefs_staging/v1/staging.js';
import {
  Advice,
  Ending,
  FakeGateway,
  Outcome,
  codes,
  committed,
  details,
  givenUp,
  unavailable,
} from './fake-gateway.js';
import type { ManyCall } from './fake-gateway.js';

function* objects(count: number): Generator<SmallObject & { number: number }> {
  for (let number = 0; number < count; ++number) {
    const data = Buffer.from(`object ${String(number)}`);
    yield { data, target: `lakefs://repo/main/${String(number)}`, number };
  }
}

function success({ id, data }: UploadManyRequest): UploadManyResponse {
  return { id, answer: { $case: 'result', value: committed(data.length) } };
}

function failure(
  { id }: UploadManyRequest,
  ...of: Parameters<typeof details>
): UploadManyResponse {
  return { id, answer: { $case: 'status', value: details(...of) } };
}

/** Hands each request to `answer`, until the caller sends no more. */
async function serve(
  call: ManyCall,
  answer: (request: UploadManyRequest) => void,
): Promise<void> {
  call.on('data', answer);
  await once(call, 'end');
}

test('each object has one answer, with what was given', async () => {
  await using gateway = await FakeGateway.start({
    uploadMany: (call) =>
      serve(call, (request) => {
        assert.equal(request.crc32c, crc32c(request.data));
        assert.equal(request.header?.attempt, 1);
        assert.equal(request.header.sizeBytes, request.data.length);
        call.write(success(request));
      }),
  });
  const numbers = new Set<number>();
  for await (const { object, result } of gateway.client().uploadMany(objects(500))) {
    assert.equal(result?.object.sizeBytes, object.data.length);
    numbers.add(object.number);
  }
  assert.equal(numbers.size, 500);
  assert.equal(gateway.count('uploadMany'), 1);
});

test('no more than 64 have no answer that was fetched', async () => {
  let taken = 0;
  let isAnswering = false;
  const waiting: UploadManyRequest[] = [];
  const full = new EventEmitter();
  await using gateway = await FakeGateway.start({
    uploadMany: (call) =>
      serve(call, (request) => {
        if (isAnswering) {
          call.write(success(request));
          return;
        }
        waiting.push(request);
        if (waiting.length < 64) return;
        isAnswering = true;
        full.emit('full', taken);
        for (const one of waiting) call.write(success(one));
      }),
  });
  function* counted(): Generator<SmallObject> {
    for (const object of objects(200)) {
      ++taken;
      yield object;
    }
  }
  const atFull = once(full, 'full');
  let fetched = 0;
  for await (const { result } of gateway.client().uploadMany(counted())) {
    assert.ok(result);
    ++fetched;
    assert.ok(taken - fetched <= 64, `${String(taken - fetched)} were taken`);
  }
  assert.deepEqual(await atFull, [64]);
  assert.equal(fetched, 200);
});

test('one that fails ends nothing else, and is repeated as advised', async () => {
  const attempts: number[] = [];
  await using gateway = await FakeGateway.start({
    uploadMany: (call) =>
      serve(call, (request) => {
        const path = request.header?.object?.path;
        if (path === '3') {
          attempts.push(request.header!.attempt);
          call.write(
            attempts.length < 3 ? failure(request, 'DRAINING') : success(request),
          );
        } else if (path === '5') {
          call.write(
            failure(
              request,
              'OBJECT_EXISTS',
              Outcome.NOT_COMMITTED,
              Advice.FIX_REQUEST,
            ),
          );
        } else {
          call.write(success(request));
        }
      }),
  });
  let succeeded = 0;
  for await (const { object, result, error } of gateway
    .client()
    .uploadMany(objects(10))) {
    if (object.number === 3) assert.equal(result?.attempts, 3);
    if (object.number === 5) assert.equal(error?.name, 'ObjectExistsError');
    if (result) ++succeeded;
  }
  assert.equal(succeeded, 9);
  assert.deepEqual(attempts, [1, 2, 3]);
});

test('what had no answer when the stream broke goes on another one', async () => {
  await using gateway = await FakeGateway.start({
    uploadMany: async (call, number) => {
      if (number === 1) {
        await once(call, 'data');
        throw new Ending(codes.UNAVAILABLE);
      }
      await serve(call, (request) => call.write(success(request)));
    },
  });
  let count = 0;
  for await (const { result } of gateway.client().uploadMany(objects(100))) {
    assert.ok(result);
    ++count;
  }
  assert.equal(count, 100);
  assert.equal(gateway.count('uploadMany'), 2);
});

test('a gateway that ends the stream had not begun them, else nobody knows', async () => {
  for (const [ending, outcome] of [
    [unavailable('DRAINING'), 'NOT_COMMITTED'],
    [new Ending(codes.UNAVAILABLE), 'UNKNOWN'],
  ] as const) {
    await using gateway = await FakeGateway.start({
      uploadMany: async (call) => {
        await once(call, 'data');
        throw ending;
      },
    });
    function* one(): Generator<SmallObject> {
      for (const object of objects(1)) yield { ...object, attempts: 1 };
    }
    for await (const { error } of gateway.client().uploadMany(one())) {
      assert.equal(error?.outcome, outcome);
    }
  }
});

test('what is no object has an error for itself', async () => {
  await using gateway = await FakeGateway.start({
    uploadMany: (call) => serve(call, (request) => call.write(success(request))),
  });
  const [good] = objects(1);
  const wrong: SmallObject[] = [
    { data: Buffer.alloc(0), target: 'nothing' },
    { data: Buffer.alloc((4 << 20) + 1), target: 'lakefs://r/b/p' },
    { data: 'text' as never, target: 'lakefs://r/b/p' },
  ];
  const reasons: (string | undefined)[] = [];
  for await (const { error } of gateway.client().uploadMany([...wrong, good!])) {
    reasons.push(error?.reason);
  }
  assert.deepEqual(reasons, [...Array<string>(3).fill('INVALID_REQUEST'), undefined]);
});

test('what objects throw is thrown after all that were taken are answered', async () => {
  await using gateway = await FakeGateway.start({
    uploadMany: (call) => serve(call, (request) => call.write(success(request))),
  });
  const own = new Error('mine');
  function* failing(): Generator<SmallObject> {
    yield* objects(3);
    throw own;
  }
  let count = 0;
  await assert.rejects(
    async () => {
      for await (const { result } of gateway.client().uploadMany(failing())) {
        assert.ok(result);
        ++count;
      }
    },
    (error) => error === own,
  );
  assert.equal(count, 3);
});

test('leaving the loop cancels the stream and closes the objects', async () => {
  let isClosed = false;
  const given = new EventEmitter();
  const up = once(given, 'up');
  await using gateway = await FakeGateway.start({
    uploadMany: async (call) => {
      call.once('data', (request: UploadManyRequest) => call.write(success(request)));
      await givenUp(call);
      given.emit('up');
    },
  });
  function* closing(): Generator<SmallObject> {
    try {
      yield* objects(1000);
    } finally {
      isClosed = true;
    }
  }
  for await (const { result } of gateway.client().uploadMany(closing())) {
    assert.ok(result);
    break;
  }
  assert.equal(isClosed, true);
  await up;
});

test('an abort answers all that were taken, and is thrown', async () => {
  const controller = new AbortController();
  await using gateway = await FakeGateway.start({
    uploadMany: async (call) => {
      call.once('data', () => {
        controller.abort();
      });
      await givenUp(call);
    },
  });
  const { signal } = controller;
  const errors: StagingError[] = [];
  await assert.rejects(async () => {
    for await (const { error } of gateway.client().uploadMany(objects(3), { signal })) {
      errors.push(error!);
    }
  }, CancelledError);
  assert.ok(errors.length > 0);
  assert.ok(errors.every((error) => error instanceof CancelledError));
  assert.equal(errors[0]?.outcome, 'UNKNOWN');
});
