import type { UploadProgress } from './generated/lakefs_staging/v1/staging.js';
import type { Progress } from './options.js';
import { toPhase } from './outcome.js';

const INTERVAL_MS = 200;

/**
 * Tells the caller what the gateway tells, and between that, at most 5 times a
 * second, what has been sent: a slow store must not look like a standstill. No
 * number ever falls, and none is told after the end.
 */
export class ProgressMeter {
  readonly #callback: ((progress: Progress) => void) | undefined;
  #last: Progress = { phase: 'UPLOADING', receivedBytes: 0, storedBytes: 0 };
  #toldAt = -Infinity;
  #isOver = false;

  constructor(callback: ((progress: Progress) => void) | undefined) {
    this.#callback = callback;
  }

  get isWanted(): boolean {
    return this.#callback !== undefined;
  }

  /** A call of the gateway begins. */
  begun(): void {
    if (this.#toldAt === -Infinity) this.#tell(this.#last);
  }

  /** So many bytes of the object have been sent, each counted once. */
  sent(bytes: number): void {
    if (performance.now() - this.#toldAt < INTERVAL_MS) return;
    this.#tell({ ...this.#last, receivedBytes: bytes });
  }

  /** The gateway told this. */
  told({ phase, receivedBytes, storedBytes }: UploadProgress): void {
    this.#tell({
      phase: toPhase(phase) ?? this.#last.phase,
      receivedBytes,
      storedBytes,
    });
  }

  /** All is over, and well. */
  finished(size: number): void {
    this.#tell({ phase: 'LINKING', receivedBytes: size, storedBytes: size });
    this.#isOver = true;
  }

  /** All is over, and not well. */
  stop(): void {
    this.#isOver = true;
  }

  #tell(progress: Progress): void {
    if (!this.#callback || this.#isOver) return;
    this.#toldAt = performance.now();
    this.#last = {
      phase: progress.phase,
      receivedBytes: Math.max(this.#last.receivedBytes, progress.receivedBytes),
      storedBytes: Math.max(this.#last.storedBytes, progress.storedBytes),
    };
    this.#callback(this.#last);
  }
}
