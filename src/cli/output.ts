import { once } from "node:events";
import type { Writable } from "node:stream";

/** Whoever read our output has had enough (EPIPE): the command ends quietly. */
export class OutputClosedError extends Error {}

type Terminal = Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };

/** Standard output: data only, one line at a time, no faster than the reader takes it. */
export class Output {
  readonly #stream: Terminal;
  #error: Error | undefined;

  constructor(stream: Terminal) {
    this.#stream = stream;
    stream.on("error", (error: NodeJS.ErrnoException) => {
      this.#error =
        error.code === "EPIPE"
          ? new OutputClosedError("output closed", { cause: error })
          : // What output was redirected to is a file that the user named, such as one on a full disk.
            Object.assign(error, { path: "Standard output" });
    });
  }

  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** How wide the terminal is now, where it is one and says so: 0 is how one says that it does not know. */
  get columns(): number | undefined {
    return this.#stream.columns === 0 ? undefined : this.#stream.columns;
  }

  /** How many lines the terminal shows now, where it is one and says so. */
  get rows(): number | undefined {
    return this.#stream.rows === 0 ? undefined : this.#stream.rows;
  }

  /** Writes text and a line break. @throws OutputClosedError */
  async line(text: string): Promise<void> {
    await this.text(`${text}\n`);
  }

  /** Writes texts and a line break after each. @throws OutputClosedError */
  async lines(texts: readonly string[]): Promise<void> {
    for (const text of texts) {
      await this.line(text);
    }
  }

  /** Writes text as it is. @throws OutputClosedError */
  async text(text: string): Promise<void> {
    this.#assertOpen();
    if (!this.#stream.write(text)) {
      // An error ends the wait as well; `once` rejects with it.
      await once(this.#stream, "drain").catch(() => undefined);
      this.#assertOpen();
    }
  }

  /** Waits until everything is handed over. @throws OutputClosedError */
  async flush(): Promise<void> {
    this.#assertOpen();
    await new Promise<void>((resolve) => {
      this.#stream.write("", () => {
        resolve();
      });
    });
    this.#assertOpen();
  }

  #assertOpen(): void {
    if (this.#error !== undefined) {
      throw this.#error;
    }
  }
}
