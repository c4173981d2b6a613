/**
 * Uploads objects to lakeFS through a staging gateway: nothing that was cut short is
 * ever linked, and what became of each upload is known.
 *
 * @packageDocumentation
 */
export { Client } from './client.js';
export {
  CancelledError,
  IntegrityError,
  InvalidRequestError,
  NotFoundError,
  ObjectChangedError,
  ObjectExistsError,
  OutcomeUnknownError,
  PermissionDeniedError,
  StagingError,
} from './error.js';
export type { Code, FieldViolation, Resource } from './error.js';
export type { ManyAnswer } from './many-upload.js';
export type { ObjectStats } from './object-stats.js';
export type {
  CallOptions,
  Checkpoint,
  ClientOptions,
  ConditionOptions,
  ObjectOptions,
  Progress,
  SharedFileOptions,
  SmallObject,
  StreamOptions,
  TlsOptions,
  UploadOptions,
  UploadResult,
} from './options.js';
export type { Advice, Outcome, Phase, Plan, Unrecognized } from './outcome.js';
export type {
  LinkResult,
  StagingLocation,
  StagingMetadata,
} from './physical-address.js';
export type { ByteHolder, ByteStream, Source } from './source.js';
export type { Target } from './target.js';
export type { UploadOutcome } from './upload-outcome.js';
export type { UploadWriteStream } from './write-stream.js';
