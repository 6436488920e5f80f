import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = readFileSync(`${ROOT}docs/dependencies.md`, "utf8");

type Versions = Readonly<Record<string, string>>;
const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
  readFileSync(`${ROOT}package.json`, "utf8"),
) as Readonly<Record<"dependencies" | "optionalDependencies" | "devDependencies", Versions>>;
const PINNED: Versions = { ...dependencies, ...optionalDependencies, ...devDependencies };

describe("the page about dependencies", () => {
  it("names every package but types of others", () => {
    const unnamed = Object.keys(PINNED).filter((name) => !name.startsWith("@types/") && !PAGE.includes(`\`${name}\``));
    expect(unnamed).to.deep.equal([]);
  });

  it("has the versions that are pinned, in its tables", () => {
    const rows = [...PAGE.matchAll(/^\| `([^`]+)` +\| ([\d.]+) /gm)].map(([, name = "", version]) => [name, version]);
    expect(rows).to.have.length.greaterThan(10);
    expect(rows).to.deep.equal(rows.map(([name = ""]) => [name, PINNED[name]]));
  });
});
