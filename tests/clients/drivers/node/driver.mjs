// Does what tests/clients/run asks of the Node client; see tests/clients/DRIVERS.md.
import { readFileSync, readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import { createGzip } from 'node:zlib';

import { Client, StagingError } from 'lakefs-staging';

import { DriverError, bytesOf, pieces, sourceOf } from './sources.mjs';

class Unsupported extends Error {}

const clients = new Map();
const running = new Map(); // AbortController by id of the command
const warned = []; // who is told of warnings

process.on('warning', (warning) => {
  for (const events of warned) events.push({ warning: warning.message });
});

function clientOf(settings = {}) {
  const key = JSON.stringify(settings);
  if (!clients.has(key)) clients.set(key, makeClient(settings));
  return clients.get(key);
}

function makeClient(settings) {
  const { ca_file, cert_file, key_file, connect_timeout } = settings;
  const read = (file) => file && readFileSync(file);
  return new Client({
    ...pick(settings, {
      gateway: 'gateway',
      authorization: 'authorization',
      allow_plaintext_authorization: 'allowPlaintextAuthorization',
    }),
    ...(connect_timeout !== undefined && { connectTimeoutMs: connect_timeout * 1000 }),
    ...((ca_file || cert_file) && {
      tls: { ca: read(ca_file), cert: read(cert_file), key: read(key_file) },
    }),
  });
}

function pick(from, names) {
  const picked = {};
  for (const [name, ours] of Object.entries(names)) {
    if (from[name] !== undefined) picked[ours] = from[name];
  }
  return picked;
}

function optionsOf(options = {}, events, signal) {
  const { mtime, timeout, sha256, md5, resume_token } = options;
  return {
    ...pick(options, {
      content_type: 'contentType',
      user_metadata: 'userMetadata',
      if_absent: 'ifAbsent',
      if_match: 'ifMatch',
      force: 'force',
      request_id: 'requestId',
      attempt: 'attempt',
      attempts: 'attempts',
    }),
    ...(signal && { signal }),
    ...(mtime !== undefined && { mtime: new Date(mtime * 1000) }),
    ...(timeout !== undefined && { timeoutMs: timeout * 1000 }),
    ...(sha256 && { sha256: Buffer.from(sha256, 'hex') }),
    ...(md5 && { md5: Buffer.from(md5, 'hex') }),
    ...(resume_token && { resumeToken: Buffer.from(resume_token, 'base64') }),
    ...(options.checkpoint && {
      checkpoint: ({ token, offset }) =>
        events.push({ checkpoint: [Buffer.from(token).toString('base64'), offset] }),
    }),
    ...((options.progress || options.throw_in_progress) && {
      progress: ({ phase, receivedBytes, storedBytes }) => {
        events.push({ progress: [phase, receivedBytes, storedBytes] });
        if (options.throw_in_progress) throw new DriverError('the callback failed');
      },
    }),
  };
}

// Answers.

function shownObject(object) {
  return {
    path: object.path,
    physical_address: object.physicalAddress,
    checksum: object.checksum,
    size_bytes: object.sizeBytes,
    content_type: object.contentType,
    user_metadata: object.userMetadata,
    mtime: object.mtime && object.mtime.getTime() / 1000,
  };
}

function shownResult({ outcome, plan, crc32c, object, attempts }) {
  return { outcome, plan, crc32c, object: shownObject(object), attempts };
}

function shownError(error) {
  if (error instanceof DriverError) return { own: true, message: error.message };
  if (!(error instanceof StagingError)) {
    return { class: error?.name, message: error?.message, printed: inspect(error) };
  }
  return {
    class: error.constructor.name,
    ...(error.name === 'AbortError' && { cancelled: true }),
    code: error.code,
    reason: error.reason,
    domain: error.domain,
    message: error.message,
    outcome: error.outcome ?? 'UNSPECIFIED',
    advice: error.advice ?? 'UNSPECIFIED',
    retry_after: error.retryAfterMs === undefined ? null : error.retryAfterMs / 1000,
    violations: error.violations.map(({ field, description }) => [field, description]),
    resource: error.resource ? [error.resource.type, error.resource.name] : null,
    object: error.object ? shownObject(error.object) : null,
    metadata: error.metadata,
    request_id: error.requestId ?? '',
    attempts: error.attempts,
    retryable: error.retryable,
    nothing_linked: error.nothingLinked,
    printed: inspect(error),
  };
}

// Commands. Each gives what stands behind "result".

async function withSource(command, events, use) {
  const { source, clean, unsupported } = sourceOf(command.source, events);
  if (unsupported) throw new Unsupported(unsupported);
  try {
    return await use(source);
  } finally {
    clean();
  }
}

async function upload(command, events, signal) {
  const options = optionsOf(command.options, events, signal);
  const { told_size, kind } = command.source;
  if (told_size !== undefined && kind !== 'seekable') options.sizeBytes = told_size;
  return await withSource(command, events, async (source) =>
    shownResult(await clientOf(command.client).upload(source, command.target, options)),
  );
}

async function uploadFile(command, events, signal) {
  const options = optionsOf(command.options, events, signal);
  const client = clientOf(command.client);
  return shownResult(await client.uploadFile(command.file, command.target, options));
}

const WRAPPERS = {
  gzip: () => createGzip(),
  buffered: () => new PassThrough({ highWaterMark: 1 << 20 }),
  text: () => new PassThrough({ encoding: 'hex' }),
};

/** The pieces of a source in writes of `size` bytes. */
async function* inPieces(source, size) {
  for await (const piece of source) {
    for (let at = 0; at < piece.length; at += size) yield piece.subarray(at, at + size);
  }
}

async function* thenThrows(source) {
  yield* source;
  throw new DriverError('the producer failed');
}

async function write(command, events, signal) {
  const { source: spec, wrapper, pieces: size = Infinity, end = ['commit'] } = command;
  if (wrapper && !WRAPPERS[wrapper]) throw new Unsupported(`the wrapper ${wrapper}`);
  const options = optionsOf(command.options, events, signal);
  if (spec.told_size !== undefined) options.sizeBytes = spec.told_size;
  const held = { out: clientOf(command.client).createWriteStream(command.target, options) };
  held.out.on('error', () => undefined);
  const { result } = held.out;
  const [scope] = end.filter((step) => step.startsWith('scope'));
  let error;
  try {
    const source = inPieces(pieces(spec, []), size === Infinity ? 1 << 30 : size);
    await fed(held, scope === 'scope_throws' ? thenThrows(source) : source, wrapper, scope);
  } catch (thrown) {
    error = thrown;
    // Nobody goes on with it.
    if (thrown instanceof DriverError) held.out.destroy(thrown);
  }
  if (error && !(error instanceof StagingError)) {
    await result.catch(() => undefined);
    if (scope) events.push({ end: scope, error: shownError(error) });
    throw error;
  }
  let last;
  for (const step of end) {
    last = await ended(step, held, result, events);
    events.push({ end: step, ...last });
  }
  if (last?.thrown) throw last.thrown;
  if (last?.error) throw last.raised;
  return last?.result;
}

/** Writes all of a source; holds on to nothing. */
async function fed(held, source, wrapper, scope) {
  if (scope || wrapper) {
    const through = wrapper ? [WRAPPERS[wrapper]()] : [];
    await pipeline([source, ...through, held.out], { end: Boolean(scope) });
  } else {
    for await (const piece of source) await written(held, piece);
  }
}

function written(held, piece) {
  return new Promise((resolve, reject) => {
    held.out.write(piece, (error) => (error ? reject(error) : resolve()));
  });
}

class Step {
  constructor(fields, raised) {
    Object.assign(this, fields);
    Object.defineProperty(this, 'raised', { value: raised, enumerable: false });
  }
}

async function ended(step, held, result, events) {
  try {
    switch (step) {
      case 'scope':
      case 'scope_throws':
        return new Step({ result: shownResult(await result) });
      case 'commit':
        held.out.end();
        return new Step({ result: shownResult(await result) });
      case 'close':
      case 'abort':
        held.out.destroy();
        return new Step({ result: shownResult(await result) });
      case 'write':
        await written(held, Buffer.from('x'));
        return new Step({ nothing: true });
      case 'drop':
        await dropped(held, events);
        return new Step({ nothing: true });
      default:
        throw new Unsupported(`the end ${step}`);
    }
  } catch (error) {
    if (error instanceof Unsupported) throw error;
    return new Step({ error: shownError(error) }, error);
  }
}

async function dropped(held, events) {
  warned.push(events);
  held.out = undefined;
  // What the collection of it sets off needs some turns, undisturbed.
  for (let i = 0; i < 100 && !events.some((event) => event.warning); ++i) {
    globalThis.gc();
    await sleep(20);
  }
  warned.splice(warned.indexOf(events), 1);
}

async function uploadMany(command, events, signal) {
  const options = optionsOf(command.options, events, signal);
  const objects = function* () {
    if (command.objects) {
      for (const { target, source, options: own } of command.objects) {
        const data = bytesOf(source.seed, 0, source.size);
        yield { data, target, ...optionsOf(own, events) };
      }
      return;
    }
    const { count, size, seed, target } = command;
    for (let i = 0; i < count; ++i) {
      yield { data: bytesOf(seed, 0, size), target: `${target}${i}`, ...optionsOf(command.options, events) };
    }
  };
  const answers = [];
  const client = clientOf(command.client);
  for await (const { object, result, error } of client.uploadMany(objects(), options)) {
    answers.push({
      target: object.target,
      ...(error ? { error: shownError(error) } : { result: shownResult(result) }),
    });
  }
  return answers;
}

async function outcome(command, events, signal) {
  const options = optionsOf(command.options, events, signal);
  const told = await clientOf(command.client).outcome(
    command.request_id,
    command.target,
    options,
  );
  return {
    outcome: told.outcome ?? 'UNSPECIFIED',
    in_progress: told.inProgress,
    result: told.result && shownResult(told.result),
    failure_reason: told.error?.reason ?? '',
  };
}

async function discard(command, events, signal) {
  const token = Buffer.from(command.resume_token, 'base64');
  await clientOf(command.client).discard(token, optionsOf(command.options, events, signal));
  return {};
}

async function address(command, events, signal) {
  const location = await clientOf(command.client).getPhysicalAddress(command.target, {
    ...optionsOf(command.options, events, signal),
    presign: command.presign,
  });
  return {
    physical_address: location.physicalAddress,
    token: location.token,
    presigned_url: location.presignedUrl,
    presigned_url_expiry: location.presignedUrlExpiry?.getTime() / 1000,
  };
}

async function link(command, events, signal) {
  const { location, checksum, size_bytes } = command;
  const options = optionsOf(command.options, events, signal);
  const { contentType, userMetadata, mtime, force } = options;
  const { presigned_url_expiry: expiry } = location;
  const linked = await clientOf(command.client).linkPhysicalAddress(
    command.target,
    {
      staging: {
        physicalAddress: location.physical_address,
        token: location.token ?? undefined,
        presignedUrl: location.presigned_url ?? undefined,
        presignedUrlExpiry: expiry ? new Date(expiry * 1000) : undefined,
      },
      checksum,
      sizeBytes: size_bytes,
      contentType,
      userMetadata,
      mtime,
      force,
    },
    options,
  );
  return { outcome: linked.outcome, object: shownObject(linked.object) };
}

/** Collects garbage, and waits for V8's thread that frees the buffers of it. */
async function collected() {
  let before = Infinity;
  for (let same = 0, i = 0; same < 3 && i < 50; ++i) {
    globalThis.gc();
    await sleep(20);
    const { arrayBuffers } = process.memoryUsage();
    same = arrayBuffers < before ? 0 : same + 1;
    before = arrayBuffers;
  }
}

async function status() {
  await collected();
  const { rss, heapUsed, arrayBuffers } = process.memoryUsage();
  return {
    rss_kib: Math.round(rss / 1024),
    held_kib: Math.round((heapUsed + arrayBuffers) / 1024),
    threads: readdirSync('/proc/self/task').length,
    descriptors: readdirSync('/proc/self/fd').length,
    tasks: process.getActiveResourcesInfo().length,
  };
}

const COMMANDS = {
  upload,
  write,
  upload_many: uploadMany,
  upload_file: uploadFile,
  outcome,
  discard,
  address,
  link,
  status,
  cancel: ({ of }) => {
    running.get(of)?.abort();
    return {};
  },
};

async function answerTo(command) {
  const { id, op } = command;
  const events = [];
  const began = performance.now();
  const controller = new AbortController();
  running.set(id, controller);
  const answer = { id };
  try {
    if (!COMMANDS[op]) throw new Unsupported(`the command ${op}`);
    answer.result = await COMMANDS[op](command, events, controller.signal);
  } catch (error) {
    if (error instanceof Unsupported) answer.unsupported = error.message;
    else answer.error = shownError(error);
  }
  running.delete(id);
  answer.events = events;
  answer.elapsed = (performance.now() - began) / 1000;
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

const commands = createInterface({ input: process.stdin });
commands.on('line', (line) => void answerTo(JSON.parse(line)));
commands.on('close', () => {
  // Ends what is under way; nothing of a client that was closed keeps Node alive.
  for (const client of clients.values()) client.close();
});
