import type { Output } from "../output.ts";

/*
 * Redraws a few lines in place. Each frame is one write that goes up to the first line and overwrites: nothing is cleared before it is
 * drawn again, so nothing flickers; what the frame before had more is cleared last.
 */

const HIDE_CURSOR = "\u001b[?25l";
const SHOW_CURSOR = "\u001b[?25h";
const CLEAR_LINE_END = "\u001b[K";
const CLEAR_BELOW = "\u001b[J";

export class Canvas {
  readonly #output: Output;
  #lines = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  async draw(lines: readonly string[]): Promise<void> {
    const up = this.#lines > 0 ? `\u001b[${this.#lines}F` : HIDE_CURSOR;
    // The cursor stands below the frame. What has scrolled off the top cannot be gone back to, and every frame would leave its lines behind.
    const shown = lines.slice(0, (this.#output.rows ?? Infinity) - 1);
    this.#lines = shown.length;
    await this.#output.text(`${up}${shown.map((line) => `${line}${CLEAR_LINE_END}\n`).join("")}${CLEAR_BELOW}`);
  }

  /** Gives the cursor back, below the last frame. */
  async end(): Promise<void> {
    if (this.#lines > 0) {
      await this.#output.text(SHOW_CURSOR);
    }
  }
}
