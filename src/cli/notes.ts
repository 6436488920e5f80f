import type { Writable } from "node:stream";
import { redactUrl } from "../queue/redact-url.ts";

/** Standard error: messages for people, and progress. Data never goes here, and nobody parses it. */
export class Notes {
  readonly stream: Writable & { readonly isTTY?: boolean; readonly columns?: number };

  constructor(stream: Writable & { readonly isTTY?: boolean; readonly columns?: number }) {
    this.stream = stream;
    // Nobody left to tell is no reason to fail.
    stream.on("error", () => undefined);
  }

  get isTerminal(): boolean {
    return this.stream.isTTY === true;
  }

  /** One line. */
  say(text: string): void {
    this.stream.write(`${redactUrl(text)}\n`);
  }
}
