import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { inspect } from 'node:util';

import {
  CancelledError,
  Client,
  InvalidRequestError,
  StagingError,
} from '../src/index.js';
import { FakeGateway, committed, givenUp, unavailable } from './fake-gateway.js';

const TARGET = 'lakefs://repo/main/object';
const SECRET = 'Basic c2VjcmV0';

test('the gateway is the one named, else that of the environment, else the default', () => {
  const { env } = process;
  const before = env.LAKEFS_STAGING_GATEWAY;
  try {
    delete env.LAKEFS_STAGING_GATEWAY;
    assert.equal(new Client().gateway, '127.0.0.1:8765');
    env.LAKEFS_STAGING_GATEWAY = 'unix:/run/gateway.sock';
    assert.equal(new Client().gateway, 'unix:/run/gateway.sock');
    assert.equal(new Client({ gateway: '[::1]:1' }).gateway, '[::1]:1');
    env.LAKEFS_STAGING_GATEWAY = '';
    assert.equal(new Client().gateway, '127.0.0.1:8765');
  } finally {
    if (before === undefined) delete env.LAKEFS_STAGING_GATEWAY;
    else env.LAKEFS_STAGING_GATEWAY = before;
  }
});

test('what is no address is refused, and named', () => {
  for (const gateway of ['', 'host', 'host:', ':1', 'host:0', 'host:65536', 'unix:']) {
    assert.throws(() => new Client({ gateway }), InvalidRequestError, gateway);
  }
  assert.throws(() => new Client({ gateway: 'http://a:1' }), /http:\/\/a:1/);
});

test('a certificate goes with its key', () => {
  const cert = Buffer.from('x');
  assert.throws(() => new Client({ tls: { cert } }), InvalidRequestError);
  assert.throws(() => new Client({ tls: { cert, key: cert } }), InvalidRequestError);
});

test('the authorization goes with every call, and is shown nowhere', async () => {
  await using gateway = await FakeGateway.start({
    uploadObject: ({ data }, number) => {
      if (number < 3) throw unavailable('DRAINING');
      return committed(data.length);
    },
  });
  const client = gateway.client({ authorization: SECRET });
  await client.upload(Buffer.from('x'), TARGET);
  await client.discard(Buffer.from('t'));
  assert.deepEqual(
    gateway.metadata.map((metadata) => metadata.get('authorization')),
    Array(4).fill([SECRET]),
  );
  assert.doesNotMatch(inspect(client, { depth: 9, showHidden: true }), /c2VjcmV0/);
});

test('without TLS it goes to this machine only, unless that is allowed', async () => {
  for (const gateway of [
    'gateway.example:1',
    '127.0.0.1.example.com:1',
    '10.0.0.1:1',
  ]) {
    const client = new Client({ gateway, authorization: SECRET });
    await assert.rejects(client.upload(Buffer.from('x'), TARGET), (error: unknown) => {
      assert.ok(error instanceof InvalidRequestError);
      assert.doesNotMatch(inspect(error), /c2VjcmV0/);
      return true;
    });
    assert.throws(() => client.createWriteStream(TARGET), InvalidRequestError);
    await client.close();
  }
  const allowed = new Client({
    gateway: '127.0.0.1.invalid:1',
    authorization: SECRET,
    allowPlaintextAuthorization: true,
    connectTimeoutMs: 1,
  });
  await assert.rejects(allowed.upload(Buffer.from('x'), TARGET), {
    reason: 'GATEWAY_UNREACHABLE',
  });
  await allowed.close();
  const split = new Client({ authorization: 'a\nb' });
  await assert.rejects(split.discard(Buffer.from('t')), InvalidRequestError);
});

test('nobody at the address is GATEWAY_UNREACHABLE, which names it', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  const gateway = `127.0.0.1:${String(port)}`;
  await using client = new Client({ gateway, connectTimeoutMs: 200 });
  await assert.rejects(client.upload(Buffer.from('x'), TARGET), (error: unknown) => {
    assert.ok(error instanceof StagingError);
    assert.equal(error.reason, 'GATEWAY_UNREACHABLE');
    assert.equal(error.outcome, 'NOT_COMMITTED');
    assert.ok(error.message.includes(gateway));
    return true;
  });
  await assert.rejects(client.outcome('id'), {
    reason: 'GATEWAY_UNREACHABLE',
    outcome: undefined,
  });
});

test('closing ends the calls, and later ones are refused', async () => {
  let isBegun: () => void;
  const begun = new Promise<void>((resolve) => (isBegun = resolve));
  await using gateway = await FakeGateway.start({
    uploadAndLink: async (call) => {
      isBegun();
      await givenUp(call);
    },
  });
  const client = gateway.client();
  const upload = client.upload(Buffer.alloc(2 << 20), TARGET);
  upload.catch(() => undefined);
  await begun;
  await client.close();
  await assert.rejects(upload, CancelledError);
  await assert.rejects(client.upload(Buffer.from('x'), TARGET), InvalidRequestError);
  await client[Symbol.asyncDispose]();
});

test('the outcome of an earlier upload is told', async () => {
  await using gateway = await FakeGateway.start({
    outcome: ({ requestId, object }) => {
      assert.deepEqual([requestId, object?.branch], ['mine', 'main']);
      return { outcome: 1, result: committed(5) };
    },
  });
  const told = await gateway.client().outcome('mine', TARGET);
  assert.equal(told.outcome, 'COMMITTED');
  assert.equal(told.result?.object.sizeBytes, 5);
  assert.equal(told.error, undefined);
});
