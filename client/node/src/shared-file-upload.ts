import type { Connection } from './connection.js';
import { CallFailed, stagingError } from './error.js';
import type { UploadResult as Message } from './generated/lakefs_staging/v1/staging.js';
import type { SharedFileOptions, UploadResult } from './options.js';
import { ProgressMeter } from './progress-meter.js';
import { untilKnown } from './repeat.js';
import type { Scope } from './scope.js';
import { staging } from './service.js';
import { checkText } from './target.js';
import type { Target } from './target.js';
import { UploadRequest } from './upload-header.js';

/** A logical upload of a file that the gateway reads itself. */
export class SharedFileUpload {
  readonly #connection: Connection;
  readonly #scope: Scope;
  readonly #file: string;
  readonly #crc32c: number | undefined;
  readonly #request: UploadRequest;
  readonly #meter: ProgressMeter;

  /** Fails with INVALID_REQUEST where something cannot be sent as it is. */
  constructor(
    connection: Connection,
    scope: Scope,
    file: string,
    target: Target,
    options: SharedFileOptions,
  ) {
    checkText('the file', file);
    this.#connection = connection;
    this.#scope = scope;
    this.#file = file;
    this.#crc32c = options.crc32c;
    this.#request = new UploadRequest(target, options);
    this.#meter = new ProgressMeter(options.progress);
  }

  /** Once. */
  async run(): Promise<UploadResult> {
    try {
      this.#meter.begun();
      const result = await untilKnown(
        this.#connection,
        this.#scope,
        this.#request,
        () => true,
        (number) => this.#attempt(number),
      );
      this.#meter.finished(result.object.sizeBytes ?? 0);
      return result;
    } catch (error) {
      if (!(error instanceof CallFailed)) throw error;
      throw stagingError(error.details, this.#request.requestId, error.attempts);
    } finally {
      this.#meter.stop();
    }
  }

  async #attempt(number: number): Promise<Message | undefined> {
    let result: Message | undefined;
    const header = this.#request.header(number, { progress: this.#meter.isWanted });
    try {
      await this.#connection.read(
        staging.uploadFile,
        { header, file: this.#file, crc32c: this.#crc32c },
        this.#scope,
        'UNKNOWN',
        ({ message }) => {
          if (message?.$case === 'progress') this.#meter.told(message.value);
          if (message?.$case === 'result') result = message.value;
        },
      );
    } catch (error) {
      // A result is the last word, whatever becomes of the connection after it.
      if (!result || !(error instanceof CallFailed)) throw error;
    }
    return result;
  }
}
