import { tmpdir } from "node:os";
import { AbortedError } from "../errors.ts";
import type { ByteSource } from "../recovery/byte-source.ts";
import { CheckThread } from "./check-thread.ts";
import { IntegrityCheckError } from "./errors.ts";
import { removeLeftImages, withImageFile } from "./image-file.ts";
import type { IntegrityMode, IntegrityResult } from "./integrity.ts";
import { Slots } from "./slots.ts";

/** How checks are made. */
export interface IntegrityOptions {
  /** Threads, and so checks at once; default 1. */
  readonly workers?: number;
  /** Where images are written while they are checked; default the system's temporary directory. It needs room for `workers` images. */
  readonly directory?: string;
  /** How long one check may take, in milliseconds, writing the file not counted; default a minute and two seconds for every MiB. */
  readonly timeoutMs?: (imageBytes: number) => number;
}

interface Slot {
  /** Started by the slot's first check, and again by the next one after it died. */
  thread?: CheckThread;
}

/**
 * Runs SQLite's own checks on images in worker threads, so that the event loop, and with it the renewal of queue locks, goes on.
 *
 * Threads start with the first checks and stay, as starting one costs more than checking a small image. A check first waits for a free
 * thread, then writes its file, so that there are never more files than threads.
 */
export class IntegrityChecker {
  readonly #directory: string;
  readonly #timeoutMs: (imageBytes: number) => number;
  readonly #all: readonly Slot[];
  readonly #slots: Slots<Slot>;
  /** Checks waiting or under way: what stops each, and when it is over, its file gone. */
  readonly #running = new Map<AbortController, Promise<unknown>>();
  #closed = false;
  /** Set by the first check: what killed processes left is removed once. */
  #tidied: Promise<void> | undefined;

  constructor({ workers = 1, directory = tmpdir(), timeoutMs = defaultTimeoutMs }: IntegrityOptions = {}) {
    this.#directory = directory;
    this.#timeoutMs = timeoutMs;
    this.#all = Array.from({ length: workers }, () => ({}));
    this.#slots = new Slots(this.#all);
  }

  /**
   * What SQLite says of an image. An image of no bytes is a sound, empty database.
   * @throws IntegrityCheckError when the check could not be made; AbortedError; what the image's source throws.
   */
  async check(image: ByteSource, mode: IntegrityMode, signal?: AbortSignal): Promise<IntegrityResult> {
    const stop = new AbortController();
    const pass = (): void => {
      stop.abort(new AbortedError(signal?.reason));
    };
    if (this.#closed) {
      throw closedError();
    }
    if (signal?.aborted === true) {
      pass();
    }
    signal?.addEventListener("abort", pass, { once: true });
    const running = this.#check(image, mode, stop);
    this.#running.set(stop, running);
    try {
      return await running;
    } catch (error) {
      // Whatever broke because of the stop, the reason for stopping is what the caller has to know.
      throw stop.signal.aborted ? stop.signal.reason : error;
    } finally {
      this.#running.delete(stop);
      signal?.removeEventListener("abort", pass);
    }
  }

  /** Ends all threads; checks waiting or under way fail with `integrity_closed`, their files removed. May be called again. */
  async close(): Promise<void> {
    this.#closed = true;
    const running = [...this.#running];
    for (const [stop] of running) {
      stop.abort(closedError());
    }
    await Promise.allSettled(running.map(([, check]) => check));
    await Promise.all(this.#all.map(async (slot) => slot.thread?.stop()));
  }

  async #check(image: ByteSource, mode: IntegrityMode, stop: AbortController): Promise<IntegrityResult> {
    const slot = await this.#slots.take(stop.signal);
    try {
      this.#tidied ??= removeLeftImages(this.#directory);
      await this.#tidied;
      return await withImageFile(image, { directory: this.#directory, signal: stop.signal }, async (file) => {
        stop.signal.throwIfAborted();
        const timeoutMs = this.#timeoutMs(image.size);
        const timer = setTimeout(() => {
          stop.abort(timeoutError(timeoutMs));
        }, timeoutMs);
        try {
          return await usableThread(slot).run({ file, mode }, stop.signal);
        } finally {
          clearTimeout(timer);
        }
      });
    } finally {
      this.#slots.give(slot);
    }
  }
}

function usableThread(slot: Slot): CheckThread {
  if (slot.thread?.usable !== true) {
    slot.thread = new CheckThread();
  }
  return slot.thread;
}

/** Measured at 4 ms (quick) to 20 ms (full) per MiB on a busy machine; a hostile schema can make it as slow as it likes. */
function defaultTimeoutMs(imageBytes: number): number {
  return 60_000 + (2000 * imageBytes) / 2 ** 20;
}

function timeoutError(timeoutMs: number): IntegrityCheckError {
  return new IntegrityCheckError("integrity_timed_out", "An integrity check took too long and was stopped.", {
    details: { timeoutMs },
  });
}

function closedError(): IntegrityCheckError {
  return new IntegrityCheckError("integrity_closed", "The integrity checker was closed.");
}
