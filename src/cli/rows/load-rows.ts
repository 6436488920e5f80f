import { UsageError } from "../../errors.ts";
import type { Store } from "../../store/store.ts";
import { readLines } from "../lines.ts";
import { MAX_ROW_LINE, parseRow } from "./row-line.ts";
import { RowWriter } from "./row-writer.ts";

/**
 * Loads rows from lines, in their order; reads no faster than the store commits. Returns how many.
 * @throws UsageError with the number of the first line that is no row; the lines before it are loaded by then.
 */
export async function loadRows(store: Store, chunks: AsyncIterable<Buffer>, signal: AbortSignal): Promise<number> {
  const writer = new RowWriter(store, { label: "load", signal });
  for await (const { firstNumber, lines } of readLines(chunks, MAX_ROW_LINE)) {
    for (const [index, line] of lines.entries()) {
      if (line.trim() === "") {
        continue;
      }
      const row = parseRow(line);
      if (typeof row === "string") {
        await writer.flush();
        throw new UsageError(`Line ${firstNumber + index} is ${row}; the ${writer.written} rows before it are loaded.`);
      }
      await writer.add(row);
    }
  }
  await writer.flush();
  return writer.written;
}
