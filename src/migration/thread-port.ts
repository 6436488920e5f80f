import type { Worker } from "node:worker_threads";

/** What is known of why a thread ended. */
export interface ThreadEnd {
  readonly cause?: unknown;
  readonly details?: Readonly<Record<string, unknown>>;
}

interface Waiting<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * A thread as its process sees it: answers come in the order of the requests. It keeps the process alive only while one is due. When it
 * has died, or is told to stop, it is not usable any more.
 */
export class ThreadPort<Request, Answer> {
  readonly #worker: Worker;
  readonly #waiting: Waiting<Answer>[] = [];
  readonly #errorOf: (end: ThreadEnd) => Error;
  #usable = true;

  /** `errorOf` makes what requests fail with when the thread ends. */
  constructor(worker: Worker, errorOf: (end: ThreadEnd) => Error) {
    this.#worker = worker;
    this.#errorOf = errorOf;
    worker.unref();
    worker.on("message", (answer: Answer) => {
      this.#settle(answer);
    });
    worker.on("error", (cause) => {
      this.#end({ cause });
    });
    worker.on("exit", (exitCode) => {
      this.#end({ details: { exitCode } });
    });
  }

  get usable(): boolean {
    return this.#usable;
  }

  ask(request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      if (!this.#usable) {
        reject(this.#errorOf({}));
        return;
      }
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(request);
    });
  }

  /** Sends what is not answered. */
  tell(request: Request): void {
    if (this.#usable) {
      this.#worker.postMessage(request);
    }
  }

  /** Ends the thread, in the middle of a request if need be; it fails once the thread is gone. */
  async stop(): Promise<void> {
    this.#usable = false;
    await this.#worker.terminate();
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) {
      this.#worker.unref();
    }
    waiting?.resolve(answer);
  }

  #end(end: ThreadEnd): void {
    this.#usable = false;
    for (const { reject } of this.#waiting.splice(0)) {
      reject(this.#errorOf(end));
    }
  }
}
