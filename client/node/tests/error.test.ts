import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { Metadata, status as codes } from '@grpc/grpc-js';

import { fromStatus, stagingError } from '../src/error.js';
import {
  BadRequest,
  DebugInfo,
  ErrorInfo,
  ResourceInfo,
  RetryInfo,
} from '../src/generated/google/rpc/error_details.js';
import { Status } from '../src/generated/google/rpc/status.js';
import {
  ObjectStats,
  UploadFailure,
} from '../src/generated/lakefs_staging/v1/staging.js';
import type { MessageFns } from '../src/generated/lakefs_staging/v1/staging.js';
import {
  IntegrityError,
  InvalidRequestError,
  NotFoundError,
  ObjectChangedError,
  ObjectExistsError,
  OutcomeUnknownError,
  PermissionDeniedError,
  StagingError,
} from '../src/index.js';
import type { Outcome } from '../src/index.js';

const ADDRESS = '127.0.0.1:8765';

function any<T>(type: string, codec: MessageFns<T>, value: T): Status['details'][0] {
  return {
    typeUrl: `type.googleapis.com/${type}`,
    value: codec.encode(value).finish(),
  };
}

function parsed(
  code: codes,
  details: Status['details'] | Buffer = [],
  outcome?: Outcome,
): StagingError {
  const metadata = new Metadata();
  const bytes = Buffer.isBuffer(details)
    ? details
    : Buffer.from(Status.encode({ code, message: '', details }).finish());
  metadata.set('grpc-status-details-bin', bytes);
  const status = { code, details: 'in words', metadata };
  return stagingError(fromStatus(status, ADDRESS, outcome), 'id', 1);
}

test('all details are taken apart, and unknown ones change nothing', () => {
  const object = {
    ...ObjectStats.decode(new Uint8Array()),
    path: 'p',
    sizeBytes: 5,
    mtime: { seconds: 3, nanos: 0 },
  };
  const error = parsed(codes.ALREADY_EXISTS, [
    any('google.rpc.DebugInfo', DebugInfo, { stackEntries: ['x'], detail: 'y' }),
    any('google.rpc.ErrorInfo', ErrorInfo, {
      reason: 'OBJECT_EXISTS',
      domain: 'lakefs.staging',
      metadata: { callId: 'abc' },
    }),
    any('google.rpc.RetryInfo', RetryInfo, {
      retryDelay: { seconds: 1, nanos: 250_000_000 },
    }),
    any('google.rpc.BadRequest', BadRequest, {
      fieldViolations: [
        { field: 'f', description: 'd', reason: '', localizedMessage: undefined },
      ],
    }),
    any('google.rpc.ResourceInfo', ResourceInfo, {
      resourceType: 'branch',
      resourceName: 'main',
      owner: '',
      description: '',
    }),
    any('lakefs.staging.v1.UploadFailure', UploadFailure, {
      outcome: 77 as never,
      advice: 3,
      object,
      rounds: 1,
      attempts: 1,
    }),
    { typeUrl: 'type.googleapis.com/of.the.Future', value: Buffer.from([255]) },
  ]);
  assert.ok(error instanceof ObjectExistsError);
  const { message, code, reason, domain, outcome, advice, retryAfterMs } = error;
  assert.deepEqual(
    { message, code, reason, domain, outcome, advice, retryAfterMs },
    {
      message: 'in words',
      code: 'ALREADY_EXISTS',
      reason: 'OBJECT_EXISTS',
      domain: 'lakefs.staging',
      outcome: '77',
      advice: 'FIX_REQUEST',
      retryAfterMs: 1250,
    },
  );
  assert.deepEqual(error.violations, [{ field: 'f', description: 'd' }]);
  assert.deepEqual(error.resource, { type: 'branch', name: 'main' });
  assert.deepEqual(error.metadata, { callId: 'abc' });
  assert.equal(error.object?.mtime?.getTime(), 3000);
  assert.equal(error.retryable, false);
  assert.equal(error.nothingLinked, false);
});

test('classes go by reason, then by outcome', () => {
  const of = (reason: string, outcome: Outcome = 'NOT_COMMITTED'): StagingError =>
    stagingError({ code: 'UNKNOWN', reason, message: 'm', outcome });
  assert.ok(of('OBJECT_EXISTS', 'UNKNOWN') instanceof ObjectExistsError);
  assert.ok(of('OBJECT_CHANGED') instanceof ObjectChangedError);
  assert.ok(of('NOT_FOUND') instanceof NotFoundError);
  assert.ok(of('PERMISSION_DENIED') instanceof PermissionDeniedError);
  assert.ok(of('CREDENTIALS_REJECTED') instanceof PermissionDeniedError);
  assert.ok(of('INVALID_REQUEST') instanceof InvalidRequestError);
  assert.ok(of('CHECKSUM_MISMATCH') instanceof IntegrityError);
  assert.ok(of('SIZE_MISMATCH') instanceof IntegrityError);
  assert.ok(of('ANYTHING', 'UNKNOWN') instanceof OutcomeUnknownError);
  assert.equal(of('ANYTHING').constructor, StagingError);
  assert.equal(of('CANCELLED').name, 'StagingError');
});

test('an answer without details is named by its code', () => {
  const seen = (
    [
      [codes.UNAVAILABLE, 'UNKNOWN'],
      [codes.DEADLINE_EXCEEDED, 'NOT_COMMITTED'],
      [codes.CANCELLED, 'UNKNOWN'],
      [codes.UNIMPLEMENTED, 'UNKNOWN'],
      [codes.INTERNAL, 'UNKNOWN'],
      [99 as codes, 'UNKNOWN'],
      [codes.UNAVAILABLE, undefined],
    ] as const
  ).map(([code, outcome]) => {
    const error = parsed(code, Buffer.from('no details'), outcome);
    return [error.code, error.reason, error.outcome, error.advice].join(' ');
  });
  assert.deepEqual(seen, [
    'UNAVAILABLE GATEWAY_CONNECTION_LOST UNKNOWN RETRY_CALL',
    'DEADLINE_EXCEEDED DEADLINE_EXCEEDED NOT_COMMITTED RETRY_CALL',
    'CANCELLED CANCELLED UNKNOWN RETRY_CALL',
    'UNIMPLEMENTED NOT_A_GATEWAY NOT_COMMITTED FIX_REQUEST',
    'INTERNAL BAD_REPLY UNKNOWN RETRY_CALL',
    'UNKNOWN BAD_REPLY UNKNOWN RETRY_CALL',
    'UNAVAILABLE GATEWAY_CONNECTION_LOST  ',
  ]);
});

test('an unknown outcome says how to find it out', () => {
  const error = parsed(codes.UNAVAILABLE, [], 'UNKNOWN');
  assert.match(error.message, /ask for the outcome of id/);
  assert.match(inspect(error), /GATEWAY_CONNECTION_LOST/);
});
