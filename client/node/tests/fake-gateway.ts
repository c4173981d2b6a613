import { Metadata, Server, ServerCredentials, status as codes } from '@grpc/grpc-js';
import type {
  ServerDuplexStream,
  ServerWritableStream,
  StatusObject,
} from '@grpc/grpc-js';

import { ErrorInfo, RetryInfo } from '../src/generated/google/rpc/error_details.js';
import { Status } from '../src/generated/google/rpc/status.js';
import {
  DiscardUploadRequest,
  DiscardUploadResponse,
  GetUploadOutcomeRequest,
  GetUploadOutcomeResponse,
  ObjectStats,
  Outcome,
  Plan,
  UploadAndLinkRequest,
  UploadAndLinkResponse,
  UploadFailure,
  UploadFailure_Advice as Advice,
  UploadManyRequest,
  UploadManyResponse,
  UploadObjectRequest,
  UploadObjectResponse,
} from '../src/generated/lakefs_staging/v1/staging.js';
import type {
  MessageFns,
  UploadHeader,
  UploadResult,
} from '../src/generated/lakefs_staging/v1/staging.js';
import { Client } from '../src/index.js';
import type { ClientOptions } from '../src/index.js';

export type UploadCall = ServerDuplexStream<
  UploadAndLinkRequest,
  UploadAndLinkResponse
>;
export type ManyCall = ServerDuplexStream<UploadManyRequest, UploadManyResponse>;

/** What a fake does with the calls of each method, by number from 1 on. */
export interface Script {
  uploadObject?: (
    request: UploadObjectRequest,
    number: number,
  ) => UploadResult | undefined | Promise<UploadResult | undefined>;
  uploadAndLink?: (call: UploadCall, number: number) => Promise<void>;
  uploadMany?: (call: ManyCall, number: number) => Promise<void>;
  outcome?: (
    request: GetUploadOutcomeRequest,
    number: number,
  ) => Partial<GetUploadOutcomeResponse>;
}

/** A status for a fake to end a call with. */
export class Ending extends Error {
  readonly metadata = new Metadata();

  constructor(
    readonly code: codes,
    details?: Uint8Array,
  ) {
    super('as the fake was told');
    if (details) this.metadata.set('grpc-status-details-bin', Buffer.from(details));
  }

  get status(): StatusObject {
    return { code: this.code, details: this.message, metadata: this.metadata };
  }
}

/** A gateway that says what the test wants, in this process. */
export class FakeGateway implements AsyncDisposable {
  readonly #server = new Server();
  readonly #clients: Client[] = [];
  readonly #counts = new Map<string, number>();
  readonly metadata: Metadata[] = [];
  address = '';

  static async start(script: Script): Promise<FakeGateway> {
    const gateway = new FakeGateway();
    gateway.#serve(script);
    const port = await new Promise<number>((resolve, reject) => {
      gateway.#server.bindAsync(
        '127.0.0.1:0',
        ServerCredentials.createInsecure(),
        (error, bound) => {
          if (error) reject(error);
          else resolve(bound);
        },
      );
    });
    gateway.address = `127.0.0.1:${String(port)}`;
    return gateway;
  }

  /** A client of it, which is closed with it. */
  client(options: ClientOptions = {}): Client {
    const client = new Client({ gateway: this.address, ...options });
    this.#clients.push(client);
    return client;
  }

  count(method: keyof Script): number {
    return this.#counts.get(method) ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const client of this.#clients) await client.close();
    this.#server.forceShutdown();
  }

  #serve(script: Script): void {
    this.#unary(
      'UploadObject',
      UploadObjectRequest,
      UploadObjectResponse,
      async (request) => {
        const number = this.#number('uploadObject');
        return { result: await script.uploadObject?.(request, number) };
      },
    );
    this.#unary(
      'GetUploadOutcome',
      GetUploadOutcomeRequest,
      GetUploadOutcomeResponse,
      (request) => ({
        ...GetUploadOutcomeResponse.decode(new Uint8Array()),
        ...script.outcome?.(request, this.#number('outcome')),
      }),
    );
    this.#unary(
      'DiscardUpload',
      DiscardUploadRequest,
      DiscardUploadResponse,
      () => ({}),
    );
    this.#duplex('UploadAndLink', UploadAndLinkRequest, UploadAndLinkResponse, (call) =>
      script.uploadAndLink?.(call, this.#number('uploadAndLink')),
    );
    this.#duplex('UploadMany', UploadManyRequest, UploadManyResponse, (call) =>
      script.uploadMany?.(call, this.#number('uploadMany')),
    );
  }

  #number(method: keyof Script): number {
    const number = this.count(method) + 1;
    this.#counts.set(method, number);
    return number;
  }

  #unary<Request, Response>(
    name: string,
    request: MessageFns<Request>,
    response: MessageFns<Response>,
    answer: (request: Request) => Response | Promise<Response>,
  ): void {
    this.#server.register(
      `/lakefs.staging.v1.Staging/${name}`,
      (call: ServerWritableStream<Request, Response>) => {
        void this.#end(call, async () => {
          this.metadata.push(call.metadata);
          call.write(await answer(call.request));
        });
      },
      (message: Response) => Buffer.from(response.encode(message).finish()),
      (bytes: Buffer) => request.decode(bytes),
      'serverStream',
    );
  }

  #duplex<Request, Response>(
    name: string,
    request: MessageFns<Request>,
    response: MessageFns<Response>,
    serve: (call: ServerDuplexStream<Request, Response>) => Promise<void> | undefined,
  ): void {
    this.#server.register(
      `/lakefs.staging.v1.Staging/${name}`,
      (call: ServerDuplexStream<Request, Response>) => {
        void this.#end(call, async () => {
          this.metadata.push(call.metadata);
          await serve(call);
        });
      },
      (message: Response) => Buffer.from(response.encode(message).finish()),
      (bytes: Buffer) => request.decode(bytes),
      'bidi',
    );
  }

  async #end(
    call: ServerWritableStream<unknown, unknown> | ServerDuplexStream<unknown, unknown>,
    work: () => Promise<void>,
  ): Promise<void> {
    call.on('error', () => undefined);
    try {
      await work();
      call.end();
    } catch (error) {
      if (error instanceof Ending) call.emit('error', error.status);
      else call.emit('error', { code: codes.INTERNAL, details: String(error) });
    }
  }
}

/** What the caller of an UploadAndLink sent, until `finish` or the end. */
export interface Received {
  header: UploadHeader;
  bytes: Buffer;
  chunks: { offset: number; size: number }[];
  finish?: Extract<UploadAndLinkRequest['message'], { $case: 'finish' }>['value'];
}

/**
 * Reads an upload up to its `finish`, or until `until` says so after a chunk. Ends
 * also where the caller ends it.
 */
export async function receive(
  call: UploadCall,
  until: (received: Received) => boolean = () => false,
): Promise<Received> {
  const parts: Buffer[] = [];
  const received: Partial<Received> = { chunks: [] };
  const whole = (): Received => ({
    ...(received as Received),
    bytes: Buffer.concat(parts),
  });
  for (;;) {
    const message = await next(call);
    if (!message) return whole();
    if (message.$case === 'header') received.header = message.value;
    if (message.$case === 'finish') {
      received.finish = message.value;
      return whole();
    }
    if (message.$case === 'chunk') {
      const { writeOffset, data } = message.value;
      received.chunks!.push({ offset: writeOffset, size: data.length });
      parts.push(Buffer.from(data));
      if (until(received as Received)) return whole();
    }
  }
}

/** The next message; `undefined` when the caller sends no more. */
export async function next(
  call: UploadCall,
): Promise<UploadAndLinkRequest['message'] | undefined> {
  for (;;) {
    const message = call.read() as UploadAndLinkRequest | null;
    if (message) return message.message;
    if (call.readableEnded || call.cancelled || call.destroyed) return undefined;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        for (const event of WAKING) call.off(event, wake);
        resolve();
      };
      for (const event of WAKING) call.on(event, wake);
    });
  }
}

const WAKING = ['readable', 'end', 'cancelled', 'close', 'error'] as const;

/** Resolves when the caller has given the call up. */
export async function givenUp(call: UploadCall | ManyCall): Promise<void> {
  if (call.cancelled) return;
  await new Promise<void>((resolve) => {
    call.once('cancelled', () => {
      resolve();
    });
    call.once('end', () => {
      resolve();
    });
    call.resume();
  });
}

export function committed(size: number, path = 'object'): UploadResult {
  return {
    object: { ...ObjectStats.decode(new Uint8Array()), path, sizeBytes: size },
    outcome: Outcome.COMMITTED,
    crc32c: undefined,
    plan: Plan.SINGLE_PUT,
    rounds: 1,
    attempts: 3,
    bytesResent: 0,
    elapsed: undefined,
  };
}

export function result(size: number): UploadAndLinkResponse {
  return { message: { $case: 'result', value: committed(size) } };
}

/** The details of an error, serialized. */
export function details(
  reason: string,
  outcome: Outcome = Outcome.NOT_COMMITTED,
  advice: Advice = Advice.RETRY_CALL,
  more: { code?: codes; retryAfterMs?: number; message?: string } = {},
): Uint8Array {
  const { retryAfterMs } = more;
  const any = <T>(
    type: string,
    codec: MessageFns<T>,
    value: T,
  ): Status['details'][0] => ({
    typeUrl: `type.googleapis.com/${type}`,
    value: codec.encode(value).finish(),
  });
  return Status.encode({
    code: more.code ?? codes.UNAVAILABLE,
    message: more.message ?? '',
    details: [
      any('google.rpc.ErrorInfo', ErrorInfo, {
        reason,
        domain: 'lakefs.staging',
        metadata: { callId: 'abc' },
      }),
      any('lakefs.staging.v1.UploadFailure', UploadFailure, {
        outcome,
        advice,
        object: undefined,
        rounds: 1,
        attempts: 2,
      }),
      ...(retryAfterMs === undefined
        ? []
        : [
            any('google.rpc.RetryInfo', RetryInfo, {
              retryDelay: { seconds: 0, nanos: retryAfterMs * 1e6 },
            }),
          ]),
    ],
  }).finish();
}

/** Fails with UNAVAILABLE and these details. */
export function unavailable(...of: Parameters<typeof details>): Ending {
  return new Ending(codes.UNAVAILABLE, details(...of));
}

export { Advice, Outcome, codes };
