import type { Worker } from "node:worker_threads";
import { FerryError } from "../../errors.ts";
import { FormatError } from "../../formats/format-error.ts";
import { startThread } from "../start-thread.ts";
import type { CodecAnswer, CodecRequest } from "./codec-protocol.ts";

/** `codec_thread_failed`: the thread that an image went through died; nothing is known of the image, and another try may do. */
export class CodecError extends FerryError {
  constructor(options: { details?: Readonly<Record<string, unknown>>; cause?: unknown } = {}) {
    super("codec_thread_failed", "The thread that compresses and hashes pages has ended.", options);
  }
}

interface Waiting {
  readonly resolve: (answer: CodecAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** The codec's thread as its process sees it: answers come in the order of the requests. It keeps the process alive only while one is due. */
export class CodecThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  /** Why it is not usable any more. */
  #ended: CodecError | undefined;

  constructor(start: () => Worker = () => startThread(new URL("./codec-worker.js", import.meta.url))) {
    this.#worker = start();
    this.#worker.unref();
    this.#worker.on("message", (answer: CodecAnswer) => {
      this.#settle(answer);
    });
    this.#worker.on("error", (cause) => {
      this.#end({ cause });
    });
    this.#worker.on("exit", (exitCode) => {
      this.#end({ details: { exitCode } });
    });
  }

  get usable(): boolean {
    return this.#ended === undefined;
  }

  /** @throws CodecError; FormatError as the request's codec. */
  ask(request: CodecRequest): Promise<CodecAnswer> {
    if (this.#ended !== undefined) {
      return Promise.reject(this.#ended);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.ref();
      this.#worker.postMessage(request);
    });
  }

  /** Sends what is not answered. */
  tell(request: CodecRequest): void {
    if (this.#ended === undefined) {
      this.#worker.postMessage(request);
    }
  }

  async stop(): Promise<void> {
    await this.#worker.terminate();
  }

  #settle(answer: CodecAnswer): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) {
      this.#worker.unref();
    }
    if (answer.kind === "refused") {
      waiting?.reject(new FormatError(answer.code, answer.message, answer.details));
    } else {
      waiting?.resolve(answer);
    }
  }

  #end(options: { readonly cause?: unknown; readonly details?: Readonly<Record<string, unknown>> }): void {
    this.#ended ??= new CodecError(options);
    for (const { reject } of this.#waiting.splice(0)) {
      reject(this.#ended);
    }
  }
}
