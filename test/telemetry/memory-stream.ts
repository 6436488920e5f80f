import { Writable } from "node:stream";

/** A stream that keeps what is written to it. `isTTY` makes it a terminal. */
export class MemoryStream extends Writable {
  readonly isTTY: boolean;
  text = "";

  constructor(isTTY = false) {
    super();
    this.isTTY = isTTY;
  }

  get lines(): string[] {
    return this.text.split("\n").filter((line) => line !== "");
  }

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}
