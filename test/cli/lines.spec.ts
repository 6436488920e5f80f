import { expect } from "chai";
import { readLines, type LineBatch } from "../../src/cli/lines.ts";
import { UsageError } from "../../src/errors.ts";

describe("lines", () => {
  async function linesOf(chunks: readonly string[], maxLength = 100): Promise<[number, string][]> {
    const lines: [number, string][] = [];
    for await (const batch of readLines(bytes(chunks), maxLength)) {
      lines.push(...numbered(batch));
    }
    return lines;
  }

  function numbered({ firstNumber, lines }: LineBatch): [number, string][] {
    return lines.map((line, index) => [firstNumber + index, line]);
  }

  async function* bytes(chunks: readonly string[]): AsyncGenerator<Buffer> {
    for (const chunk of chunks) {
      yield await Promise.resolve(Buffer.from(chunk, "latin1"));
    }
  }

  it("are numbered from 1, wherever the bytes are cut", async () => {
    for (const chunks of [["a\nb\n\nc"], ["a", "\nb", "\n", "\nc"], ["a\n", "b\n\n", "c"]]) {
      expect(await linesOf(chunks)).to.deep.equal([
        [1, "a"],
        [2, "b"],
        [3, ""],
        [4, "c"],
      ]);
    }
  });

  it("end with or without a line break, also of Windows", async () => {
    expect(await linesOf(["a\r\nb\r\n"])).to.deep.equal([
      [1, "a"],
      [2, "b"],
    ]);
    expect(await linesOf([])).to.deep.equal([]);
  });

  it("may hold characters that are cut in the middle", async () => {
    expect(await linesOf(["\xc3", "\xa9\n"])).to.deep.equal([[1, "é"]]);
  });

  it("are refused when they do not end", async () => {
    let error: unknown;
    await linesOf(["a\n", "b".repeat(60), "b".repeat(60)]).catch((thrown: unknown) => (error = thrown));
    expect(error).to.be.instanceOf(UsageError);
    expect(error)
      .to.have.property("message")
      .that.matches(/^Line 2 is longer/);
  });
});
