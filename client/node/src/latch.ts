/**
 * Something that happens once, and that whoever waits for anything else wants to
 * be woken by.
 *
 * It is there instead of `Promise.race`, which keeps what it is given for as long
 * as the longest of its promises lives.
 */
export class Latch {
  #fired = false;
  readonly #listeners = new Set<() => void>();

  get fired(): boolean {
    return this.#fired;
  }

  /** The first time wakes all who wait; later times do nothing. */
  fire(): void {
    if (this.#fired) return;
    this.#fired = true;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const listener of listeners) listener();
  }

  /**
   * Has `listener` called when it fires, at once if it has. What is returned
   * takes that back.
   */
  onFire(listener: () => void): () => void {
    if (this.#fired) {
      listener();
      return () => undefined;
    }
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Settles as `work` does, or is `undefined` as soon as this fires. What becomes
   * of `work` after that nobody is told, nor that it failed.
   */
  until<T>(work: PromiseLike<T>): Promise<T | undefined> {
    return new Promise((resolve, reject) => {
      const forget = this.onFire(() => {
        resolve(undefined);
      });
      work.then(
        (value) => {
          forget();
          resolve(value);
        },
        (error: unknown) => {
          forget();
          reject(error);
        },
      );
    });
  }
}
