import { expect } from "chai";
import { wrapProse } from "../../src/cli/wrap-prose.ts";
import { ferryHere } from "../support/cli.ts";

describe("prose in help", () => {
  it("is broken between words where it is too wide, and stays as it is elsewhere", () => {
    expect(wrapProse("\none two three\nfour\n\n  an example that is wide\nshort\nlines\n", 9)).to.equal(
      "\none two\nthree\nfour\n\n  an example that is wide\nshort\nlines\n",
    );
    expect(wrapProse("unbreakable is", 5)).to.equal("unbreakable\nis");
  });

  for (const command of [[], ["enqueue"], ["requeue"], ["cleanup"], ["verify"], ["campaign", "create"], ["waive"]]) {
    it(`fits 80 columns: ${["ferry", ...command, "--help"].join(" ")}`, async () => {
      const { stdout } = await ferryHere([...command, "--help"]);
      expect(stdout.split("\n").filter((line) => line.length > 80)).to.deep.equal([]);
    });
  }
});
