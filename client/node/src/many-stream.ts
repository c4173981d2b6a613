import { status } from '@grpc/grpc-js';
import type { ClientDuplexStream, StatusObject } from '@grpc/grpc-js';

import { ended } from './connection.js';
import type { Connection } from './connection.js';
import { badReply, fromStatus, fromStatusBytes, isGateways } from './error.js';
import type { Code, StagingErrorDetails } from './error.js';
import type {
  UploadManyRequest,
  UploadManyResponse,
  UploadResult,
} from './generated/lakefs_staging/v1/staging.js';
import { Latch } from './latch.js';
import type { SmallObject } from './options.js';
import type { Scope } from './scope.js';
import { staging } from './service.js';
import type { UploadRequest } from './upload-header.js';

/** What can be sent. */
interface Sendable {
  readonly object: SmallObject;
  readonly request: UploadRequest;
  readonly crc32c: number;
  /** Which call for it this is, from 1 on. */
  readonly attempts: number;
}

/** Who is told what became of what was sent, once for each. */
export interface Receiver<Item> {
  succeeded(item: Item, result: UploadResult): void;
  failed(item: Item, details: StagingErrorDetails): void;
}

/** Codes of a gateway that ends a stream and takes the next. */
const PASSING = new Set<Code>(['UNAVAILABLE', 'RESOURCE_EXHAUSTED']);

/** One UploadMany. */
export class ManyStream<Item extends Sendable> {
  readonly #connection: Connection;
  readonly #receiver: Receiver<Item>;
  readonly #call: ClientDuplexStream<UploadManyRequest | Buffer, UploadManyResponse>;
  readonly #over = new Latch();
  readonly #unanswered = new Map<number, Item>();
  #lastId = 0;

  constructor(connection: Connection, scope: Scope, receiver: Receiver<Item>) {
    this.#connection = connection;
    this.#receiver = receiver;
    this.#call = connection.stream(staging.uploadMany, scope);
    const forget = scope.onStop(() => {
      this.#call.cancel();
    });
    void ended(this.#call, (reply) => {
      this.#receive(reply);
    }).then((told) => {
      forget();
      this.#end(told);
    });
  }

  get isOver(): boolean {
    return this.#over.fired;
  }

  /** Resolves when the transport has taken it, or the stream is over. */
  async send(item: Item): Promise<void> {
    const id = ++this.#lastId;
    this.#unanswered.set(id, item);
    const { object, request, attempts } = item;
    const { data } = object;
    const header = request.header(attempts, { sizeBytes: data.length });
    await this.#over.until(
      new Promise<void>((resolve) => {
        this.#call.write({ id, header, data, crc32c: item.crc32c }, () => {
          resolve();
        });
      }),
    );
  }

  /** No more is sent. */
  end(): void {
    this.#call.end();
  }

  #receive({ id, answer }: UploadManyResponse): void {
    const item = this.#unanswered.get(id);
    if (!item) return; // no gateway of ours
    this.#unanswered.delete(id);
    if (answer?.$case === 'result') {
      this.#receiver.succeeded(item, answer.value);
    } else {
      const bytes = answer?.value ?? new Uint8Array();
      this.#receiver.failed(item, fromStatusBytes(bytes, this.#connection.address));
    }
  }

  #end(told: StatusObject): void {
    this.#over.fire();
    const left = [...this.#unanswered.values()];
    this.#unanswered.clear();
    for (const item of left) this.#receiver.failed(item, this.#withoutAnswer(told));
  }

  #withoutAnswer(told: StatusObject): StagingErrorDetails {
    const { address } = this.#connection;
    if (told.code === status.OK) {
      const words = `the gateway at ${address} ended the call without an answer`;
      return { ...badReply(words, 'UNKNOWN'), advice: 'RETRY_CALL' };
    }
    const details = fromStatus(told, address, 'UNKNOWN');
    if (!isGateways(details)) return details;
    // A gateway that ends the call has answered all that it began.
    return {
      ...details,
      outcome: 'NOT_COMMITTED',
      advice: PASSING.has(details.code) ? 'RETRY_CALL' : 'FIX_REQUEST',
    };
  }
}
