import { invalidRequest } from './error.js';
import type { StagingErrorDetails } from './error.js';
import { Latch } from './latch.js';
import type { CallOptions } from './options.js';
import type { Outcome } from './outcome.js';

/** `setTimeout` takes no more. */
const MAX_TIMER_MS = 2 ** 31 - 1;

type Stop = Omit<StagingErrorDetails, 'outcome' | 'advice'>;

/**
 * The time that one call of this package has, all its attempts together, and what
 * ends it before: its signal, its stream, its client. Every wait ends with it.
 */
export class Scope {
  /** When it has to be over, in ms since the epoch; or `Infinity`. */
  readonly deadline: number;
  readonly #stopped = new Latch();
  readonly #undo: (() => void)[] = [];
  #stop: Stop | undefined;

  constructor({ signal, timeoutMs = Infinity }: CallOptions) {
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) {
      throw invalidRequest('timeoutMs is no number of milliseconds');
    }
    this.deadline = Date.now() + timeoutMs;
    if (timeoutMs <= MAX_TIMER_MS) this.#endAfter(timeoutMs);
    if (signal) this.#endWith(signal);
  }

  get stopped(): boolean {
    return this.#stopped.fired;
  }

  /** Ends it; only the first reason counts. */
  cancel(message: string, cause?: unknown): void {
    this.#end({ code: 'CANCELLED', reason: 'CANCELLED', message, cause, isOurs: true });
  }

  /** See {@link Latch.onFire}. */
  onStop(listener: () => void): () => void {
    return this.#stopped.onFire(listener);
  }

  /** See {@link Latch.until}. */
  until<T>(work: PromiseLike<T>): Promise<T | undefined> {
    return this.#stopped.until(work);
  }

  /** Waits for so long, or until this is stopped. */
  async sleep(milliseconds: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const slept = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, Math.min(milliseconds, MAX_TIMER_MS));
    });
    await this.until(slept);
    clearTimeout(timer);
  }

  /** The error of a call that it has stopped. */
  error(outcome: Outcome | undefined): StagingErrorDetails {
    return { ...this.#stop!, outcome, advice: outcome && 'RETRY_CALL' };
  }

  /** Lets go of timer and signal. */
  close(): void {
    for (const undo of this.#undo.splice(0)) undo();
  }

  #endAfter(timeoutMs: number): void {
    const timer = setTimeout(() => {
      this.#end({
        code: 'DEADLINE_EXCEEDED',
        reason: 'DEADLINE_EXCEEDED',
        message: `the call was not over after ${String(timeoutMs)} ms`,
      });
    }, timeoutMs);
    this.#undo.push(() => {
      clearTimeout(timer);
    });
  }

  #endWith(signal: AbortSignal): void {
    const abort = (): void => {
      this.cancel('the call was aborted', signal.reason);
    };
    if (signal.aborted) {
      abort();
      return;
    }
    signal.addEventListener('abort', abort, { once: true });
    this.#undo.push(() => {
      signal.removeEventListener('abort', abort);
    });
  }

  #end(stop: Stop): void {
    this.#stop ??= stop;
    this.#stopped.fire();
  }
}
