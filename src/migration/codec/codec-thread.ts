import type { Worker } from "node:worker_threads";
import { FerryError } from "../../errors.ts";
import { FormatError } from "../../formats/format-error.ts";
import { startThread } from "../start-thread.ts";
import { type ThreadEnd, ThreadPort } from "../thread-port.ts";
import type { CodecAnswer, CodecRequest } from "./codec-protocol.ts";

/** `codec_thread_failed`: the thread that an image went through died; nothing is known of the image, and another try may do. */
export class CodecError extends FerryError {
  constructor(options: ThreadEnd = {}) {
    super("codec_thread_failed", "The thread that compresses and hashes pages has ended.", options);
  }
}

/** The codec's thread, see codec-worker.ts. */
export class CodecThread {
  readonly #port: ThreadPort<CodecRequest, CodecAnswer>;

  constructor(start: () => Worker = () => startThread(new URL("./codec-worker.js", import.meta.url))) {
    this.#port = new ThreadPort(start(), (end) => new CodecError(end));
  }

  get usable(): boolean {
    return this.#port.usable;
  }

  /** @throws CodecError; FormatError as the request's codec. */
  async ask(request: CodecRequest): Promise<Exclude<CodecAnswer, { kind: "refused" }>> {
    const answer = await this.#port.ask(request);
    if (answer.kind === "refused") {
      throw new FormatError(answer.code, answer.message, answer.details);
    }
    return answer;
  }

  /** Sends what is not answered. */
  tell(request: CodecRequest): void {
    this.#port.tell(request);
  }

  async stop(): Promise<void> {
    await this.#port.stop();
  }
}
