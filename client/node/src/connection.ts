import {
  Client,
  Metadata,
  connectivityState,
  credentials,
  status,
} from '@grpc/grpc-js';
import type {
  ChannelCredentials,
  ClientDuplexStream,
  ClientReadableStream,
  StatusObject,
} from '@grpc/grpc-js';

import type { Address } from './address.js';
import { parseAddress } from './address.js';
import type { StagingErrorDetails } from './error.js';
import { CallFailed, badReply, fromStatus, invalidRequest } from './error.js';
import type { CallOptions, ClientOptions } from './options.js';
import type { Outcome } from './outcome.js';
import { Scope } from './scope.js';
import { staging } from './service.js';
import type { Method } from './service.js';

const DEFAULT_GATEWAY = '127.0.0.1:8765';
const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;

/** A chunk or an object of 4 MiB and its framing; replies are far smaller. */
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024 + 16 * 1024;

/** How long gRPC may take to say why it cannot connect, which it knows. */
const WHY_NOT_MS = 1000;

/** What passes by itself where a gateway is being started. */
const NOT_THERE = /ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|ETIMEDOUT|EHOSTUNREACH/;

/** The connection to one gateway, and all calls that are under way on it. */
export class Connection {
  readonly address: string;
  readonly #address: Address;
  readonly #isTls: boolean;
  readonly #client: Client;
  readonly #authorization: string | undefined;
  readonly #allowPlaintextAuthorization: boolean;
  readonly #connectTimeoutMs: number;
  readonly #scopes = new Set<Scope>();
  #closed = false;

  constructor(options: ClientOptions) {
    const { env } = process;
    this.#address = parseAddress(
      options.gateway ?? (env.LAKEFS_STAGING_GATEWAY || DEFAULT_GATEWAY),
    );
    this.address = this.#address.name;
    this.#authorization =
      options.authorization ?? (env.LAKEFS_STAGING_AUTHORIZATION || undefined);
    this.#allowPlaintextAuthorization = options.allowPlaintextAuthorization ?? false;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
    this.#isTls = Boolean(options.tls);
    this.#client = new Client(this.#address.target, credentialsOf(options.tls), {
      'grpc.max_send_message_length': MAX_MESSAGE_BYTES,
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      // A sidecar is never behind a proxy, though the environment may name one.
      'grpc.enable_http_proxy': 0,
      // What is repeated, and when, is said in upload.ts. These would also keep
      // a copy of what was sent.
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 1000,
      ...(this.#address.name.startsWith('unix:') && {
        'grpc.default_authority': 'localhost',
      }),
    });
  }

  /** Does one call of this package, in a scope of its own. */
  async run<T>(options: CallOptions, work: (scope: Scope) => Promise<T>): Promise<T> {
    const scope = this.begin(options);
    try {
      return await work(scope);
    } finally {
      this.end(scope);
    }
  }

  /**
   * Begins a call of this package, to be ended by `end`. Fails with INVALID_REQUEST where the connection
   * was closed, or the authorization may not be sent on it.
   */
  begin(options: CallOptions): Scope {
    if (this.#closed) throw invalidRequest('the client was closed');
    this.#checkAuthorization();
    const scope = new Scope(options);
    this.#scopes.add(scope);
    return scope;
  }

  end(scope: Scope): void {
    scope.close();
    this.#scopes.delete(scope);
  }

  close(): void {
    this.#closed = true;
    for (const scope of this.#scopes) scope.cancel('the client was closed');
    this.#client.close();
  }

  /**
   * Waits until it is connected, so that a later failure is known to be a lost
   * connection and not one that never was.
   */
  async connect(scope: Scope, outcome?: Outcome): Promise<void> {
    const channel = this.#client.getChannel();
    const until = Date.now() + this.#connectTimeoutMs;
    let why = '';
    for (;;) {
      if (scope.stopped) throw new CallFailed(scope.error(outcome));
      const state = channel.getConnectivityState(true);
      if (state === connectivityState.READY) return;
      if (state === connectivityState.TRANSIENT_FAILURE) {
        why = (await scope.until(this.#whyNot())) ?? '';
      }
      const left = Math.min(until, scope.deadline) - Date.now();
      const isHopeless = why !== '' && !NOT_THERE.test(why);
      if (left <= 0 || isHopeless)
        throw new CallFailed(this.#unreachable(why, outcome));
      await this.#change(scope, state, left);
    }
  }

  /** Calls a method whose answer is one message. */
  async call<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    scope: Scope,
    outcome?: Outcome,
  ): Promise<Response> {
    let response: Response | undefined;
    await this.read(method, request, scope, outcome, (message) => {
      response ??= message;
    });
    if (response === undefined) throw new CallFailed(this.noResult(outcome));
    return response;
  }

  /**
   * Calls a method whose answer is any number of messages, and is done when the
   * answer is. What `receive` throws ends the call and is thrown.
   */
  async read<Request, Response>(
    method: Method<Request, Response>,
    request: Request,
    scope: Scope,
    outcome: Outcome | undefined,
    receive: (message: Response) => void,
  ): Promise<void> {
    const { path, serialize, deserialize } = method;
    const call: ClientReadableStream<Response> = this.#client.makeServerStreamRequest(
      path,
      serialize,
      deserialize,
      request,
      this.#metadata(),
      { deadline: scope.deadline },
    );
    let thrown: { error: unknown } | undefined;
    const forget = scope.onStop(() => {
      call.cancel();
    });
    const told = await ended(call, (message: Response) => {
      if (thrown) return;
      try {
        receive(message);
      } catch (error) {
        thrown = { error };
        call.cancel();
      }
    });
    forget();
    if (thrown) throw thrown.error;
    if (told.code === status.OK) return;
    throw new CallFailed(
      scope.stopped ? scope.error(outcome) : fromStatus(told, this.address, outcome),
    );
  }

  /** Calls a method of two streams. */
  stream<Request, Response>(
    method: Method<Request, Response>,
    scope: Scope,
  ): ClientDuplexStream<Request, Response> {
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.serialize,
      method.deserialize,
      this.#metadata(),
      { deadline: scope.deadline },
    );
  }

  /** The error of a gateway that ended a call well, and sent no result. */
  noResult(outcome: Outcome | undefined): StagingErrorDetails {
    return badReply(
      `the gateway at ${this.address} ended the call without a result`,
      outcome,
    );
  }

  #metadata(): Metadata {
    const metadata = new Metadata();
    if (this.#authorization) metadata.set('authorization', this.#authorization);
    return metadata;
  }

  #checkAuthorization(): void {
    if (!this.#authorization) return;
    if (!/^[\x20-\x7e]*$/.test(this.#authorization)) {
      throw invalidRequest('the authorization is no line of printable ASCII');
    }
    if (this.#isTls || this.#address.isLocal || this.#allowPlaintextAuthorization) {
      return;
    }
    throw invalidRequest(
      `the authorization would be sent to ${this.address} without TLS; set tls, or ` +
        'allowPlaintextAuthorization where something else encrypts',
    );
  }

  #unreachable(why: string, outcome: Outcome | undefined): StagingErrorDetails {
    return {
      code: 'UNAVAILABLE',
      reason: 'GATEWAY_UNREACHABLE',
      message: `no gateway answers at ${this.address}${why && ` (${why})`}`,
      outcome,
      advice: outcome && 'RETRY_CALL',
    };
  }

  /** Waits until the state is no longer `state`, for `milliseconds` at most. */
  async #change(
    scope: Scope,
    state: connectivityState,
    milliseconds: number,
  ): Promise<void> {
    // gRPC's own timer could not be taken back when the scope is stopped.
    let timer: NodeJS.Timeout | undefined;
    const changed = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, milliseconds);
      this.#client.getChannel().watchConnectivityState(state, Infinity, () => {
        resolve();
      });
    });
    await scope.until(changed);
    clearTimeout(timer);
  }

  /**
   * Why the channel could not be connected, in the words of the system. gRPC tells
   * it to calls alone, and a call on a channel whose connection has just failed
   * fails at once; the empty one here would be refused.
   */
  async #whyNot(): Promise<string> {
    const { path, serialize, deserialize } = staging.getUploadOutcome;
    const call = this.#client.makeServerStreamRequest(
      path,
      serialize,
      deserialize,
      Buffer.alloc(0),
      { deadline: Date.now() + WHY_NOT_MS },
    );
    const { code, details } = await ended(call, () => undefined);
    if (code !== status.UNAVAILABLE) return '';
    return details
      .replace(/^.*Last error: /s, '')
      .replace(/\.?\s*Resolution note:.*$/s, '');
  }
}

/** Hands the messages of a call to `receive` until it is over. */
export function ended<Message>(
  call: ClientReadableStream<Message> | ClientDuplexStream<never, Message>,
  receive: (message: Message) => void,
): Promise<StatusObject> {
  return new Promise((resolve) => {
    let told: StatusObject | undefined;
    let isRead = false;
    call.on('data', receive);
    call.on('end', () => {
      isRead = true;
      if (told) resolve(told);
    });
    // Of a call that fails this tells what the status tells.
    call.on('error', () => undefined);
    call.on('status', (last: StatusObject) => {
      // What came before it may still wait to be read.
      told = last;
      if (isRead) resolve(last);
    });
  });
}

function credentialsOf(tls: ClientOptions['tls']): ChannelCredentials {
  if (!tls) return credentials.createInsecure();
  const { ca, cert, key } = tls === true ? {} : tls;
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidRequest("a client's certificate and its key go together");
  }
  const pem = (text: string | Buffer | undefined): Buffer | null =>
    text === undefined ? null : Buffer.from(text as string);
  try {
    return credentials.createSsl(pem(ca), pem(key), pem(cert));
  } catch (error) {
    throw invalidRequest('the certificates or the key cannot be used', error);
  }
}
