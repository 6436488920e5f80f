import { StringDecoder } from "node:string_decoder";
import { UsageError } from "../errors.ts";

/** Consecutive lines, without their line breaks, and the number of the first, counted from 1. */
export interface LineBatch {
  readonly firstNumber: number;
  readonly lines: readonly string[];
}

/**
 * Cuts bytes into lines, in batches as they arrive; the last line may lack its break.
 * @throws UsageError for a line longer than `maxLength`, so that a file without breaks does not fill memory.
 */
export async function* readLines(
  chunks: AsyncIterable<Buffer>,
  maxLength: number,
): AsyncGenerator<LineBatch, void, undefined> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  let number = 1;
  for await (const chunk of chunks) {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    if (lines.length > 0) {
      yield { firstNumber: number, lines: lines.map(withoutReturn) };
      number += lines.length;
    }
    if (rest.length > maxLength) {
      throw new UsageError(`Line ${number} is longer than any line can be here (${maxLength} characters).`);
    }
  }
  rest += decoder.end();
  if (rest !== "") {
    yield { firstNumber: number, lines: [withoutReturn(rest)] };
  }
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
