import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { SETTINGS } from "../../src/config/settings.ts";
import type { Setting } from "../../src/config/setting.ts";

const README = new URL("../../README.md", import.meta.url);

describe("the README's configuration table", () => {
  it("has exactly what can be configured: variable, flag, default, meaning", async () => {
    const lines = (await readFile(README, "utf8")).split("\n");
    const rows = lines.filter((line) => line.startsWith("| `FERRY_")).map(cells);
    const expected = Object.values<Setting<unknown>>(SETTINGS).map(({ env, flag, fallbackText, meaning }) => [
      `\`${env}\``,
      flag === undefined ? "" : `\`${flag.split(" ")[0] ?? ""}\``,
      fallbackText === "" ? "" : `\`${fallbackText}\``,
      meaning,
    ]);
    expect(rows).to.deep.equal(expected);
  });

  function cells(line: string): string[] {
    return line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  }
});
