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

  for (const columns of [80, 60, 40]) {
    it(`and what is said of flags and commands fit ${columns} columns, in the help of every command`, async () => {
      for await (const [command, help] of helpOfAll([], columns)) {
        const lines = help.split("\n").filter((line) => columns === 80 || !isExample(line));
        expect(
          lines.filter((line) => line.length > columns),
          command,
        ).to.deep.equal([]);
      }
    });
  }

  it("stands beside what it is about where there is room, else below it", async () => {
    const [wide, narrow] = await Promise.all(
      [80, 40].map(async (columns) => (await ferryHere(["throttle", "--help"], { columns })).stdout),
    );
    expect(wide).to.contain("\n  get                    the limits in force\n");
    expect(narrow).to.contain(
      "\n  get\n      the limits in force\n  set [options]\n      set limits; those that are not\n      named",
    );
  });
});

/** The help of a command and of all below it, as a terminal of that width shows it. */
async function* helpOfAll(command: readonly string[], columns: number): AsyncGenerator<readonly [string, string]> {
  const { stdout } = await ferryHere([...command, "--help"], { columns });
  yield [["ferry", ...command].join(" "), stdout];
  const [, list = ""] = stdout.split("\nCommands:\n");
  for (const [, name = ""] of list.matchAll(/^ {2}(\w+)/gm)) {
    if (!["help", "ferry"].includes(name)) {
      yield* helpOfAll([...command, name], columns);
    }
  }
}

/** Those are to be copied, and stay whole. */
function isExample(line: string): boolean {
  return line.startsWith("  ferry ") || line.startsWith("Usage: ");
}
