/** For how long an error that was told is only counted when it comes again. */
const QUIET_MS = 10_000;
/** After so long an error that comes again is one of its own. */
const FORGET_MS = 60_000;

/** Says when an error is to be told that comes again and again, as a Redis makes them that refuses every command. */
export class RepeatedErrors {
  readonly #now: () => number;
  readonly #told = new Map<string, { readonly atMs: number; unsaid: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Counts an error. @returns how often it came since it was last told, this time included; undefined: it is not to be told now. */
  count(error: unknown): number | undefined {
    const text = String(error);
    const nowMs = this.#now();
    for (const [known, { atMs }] of this.#told) {
      if (atMs <= nowMs - FORGET_MS) {
        this.#told.delete(known);
      }
    }
    const told = this.#told.get(text);
    if (told !== undefined && told.atMs > nowMs - QUIET_MS) {
      told.unsaid += 1;
      return undefined;
    }
    this.#told.set(text, { atMs: nowMs, unsaid: 0 });
    return (told?.unsaid ?? 0) + 1;
  }
}
