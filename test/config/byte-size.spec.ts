import { expect } from "chai";
import { formatByteSize, parseByteSize } from "../../src/config/byte-size.ts";

describe("sizes", () => {
  for (const [text, bytes] of [
    ["0B", 0],
    ["4096", 4096],
    ["64MiB", 67_108_864],
    ["10GiB", 10_737_418_240],
    ["1 KiB", 1024],
    ["1.5KiB", 1536],
    ["10MB", 10_000_000],
    ["1TiB", 1_099_511_627_776],
  ] as const) {
    it(`reads ${text}`, () => {
      expect(parseByteSize(text)).to.equal(bytes);
    });
  }

  for (const text of ["", "MiB", "64mib", "64M", "-1B", "1e3", "0x10", "99999999999TiB"]) {
    it(`refuses "${text}"`, () => {
      expect(parseByteSize(text)).to.equal(undefined);
    });
  }

  it("says sizes in binary units", () => {
    expect([812, 1024, 31_457_280, 10_737_418_240].map(formatByteSize)).to.deep.equal([
      "812 B",
      "1.0 KiB",
      "30.0 MiB",
      "10.0 GiB",
    ]);
  });
});
