import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { Client, NotFoundError, ObjectExistsError } from '../src/index.js';
import { BIN, World } from './gateway.js';

const skip = BIN ? false : 'LAKEFS_STAGING_BIN is not set';

test(
  'the real gateway takes what it is given, by TCP and unix socket',
  { skip },
  async () => {
    await using world = await World.start();
    const folder = await mkdtemp(join(tmpdir(), 'source-'));
    const data = randomBytes((9 << 20) + 17);
    await writeFile(join(folder, 'file'), data);
    try {
      for (const gateway of [world.address, world.socket]) {
        await using client = new Client({ gateway });
        const sources = [
          data,
          new Blob([data]),
          pathToFileURL(join(folder, 'file')),
          () => Readable.from([data]),
          Readable.from([data]),
        ];
        for (const [i, source] of sources.entries()) {
          const path = `${gateway}/${String(i)}`;
          await client.upload(source, `lakefs://quickstart/main/${path}`);
          assert.ok(data.equals((await world.read(path))!));
        }
        const out = client.createWriteStream('lakefs://quickstart/main/written');
        await pipeline(Readable.from([data]), out);
        assert.ok(data.equals((await world.read('written'))!));
        const { outcome } = await client.outcome(out.requestId!);
        assert.equal(outcome, 'COMMITTED');
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

test('the real gateway links nothing that was not finished', { skip }, async () => {
  await using world = await World.start();
  await using client = new Client({ gateway: world.address });
  const own = new Error('mine');
  const target = 'lakefs://quickstart/main/cut';
  function* failing(): Generator<Buffer> {
    yield Buffer.alloc(9 << 20);
    throw own;
  }
  await assert.rejects(client.upload(failing(), target), (error) => error === own);
  await assert.rejects(
    pipeline(failing(), client.createWriteStream(target)),
    (error) => error === own,
  );
  assert.equal(await world.read('cut'), undefined);
});

test('errors of the real gateway are what they are', { skip }, async () => {
  await using world = await World.start();
  await using client = new Client({ gateway: world.address });
  const data = Buffer.from('x');
  await assert.rejects(
    client.upload(data, 'lakefs://missing/main/x'),
    (error: unknown) => {
      assert.ok(error instanceof NotFoundError);
      assert.deepEqual(error.resource, { type: 'repository', name: 'missing' });
      return true;
    },
  );
  const target = 'lakefs://quickstart/main/taken';
  const { object } = await client.upload(data, target);
  await assert.rejects(
    client.upload(data, target, { ifAbsent: true }),
    (error: unknown) => {
      assert.ok(error instanceof ObjectExistsError);
      assert.equal(error.object?.physicalAddress, object.physicalAddress);
      return true;
    },
  );
});

test('the plain calls go through the real gateway', { skip }, async () => {
  await using world = await World.start();
  await using client = new Client({ gateway: world.address });
  const target = 'lakefs://quickstart/main/by-hand';
  const staging = await client.getPhysicalAddress(target, { presign: true });
  const put = await fetch(staging.presignedUrl!, { method: 'PUT', body: 'by hand' });
  const checksum = put.headers.get('etag')!.replaceAll('"', '');
  const metadata = { staging, checksum, sizeBytes: 7 };
  const { outcome } = await client.linkPhysicalAddress(target, metadata);
  assert.equal(outcome, 'COMMITTED');
  assert.equal((await world.read('by-hand'))?.toString(), 'by hand');
});

test('many small objects are there afterwards', { skip }, async () => {
  await using world = await World.start();
  await using client = new Client({ gateway: world.address });
  function* objects(): Generator<{ data: Buffer; target: string }> {
    for (let i = 0; i < 300; ++i) {
      const target = `lakefs://quickstart/main/many/${String(i)}`;
      yield { data: Buffer.from(`object ${String(i)}`), target };
    }
  }
  let count = 0;
  for await (const { object, result, error } of client.uploadMany(objects())) {
    assert.equal(error, undefined);
    const stored = await world.read(result.object.path);
    assert.ok(object.data.equals(stored!));
    ++count;
  }
  assert.equal(count, 300);
});
