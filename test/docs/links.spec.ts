import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGES = [
  "README.md",
  "CHANGELOG.md",
  "helm/ferry/README.md",
  "test/vectors/README.md",
  ...readdirSync(`${ROOT}docs`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `docs/${file}`),
];

const textOf = (page: string): string => readFileSync(ROOT + page, "utf8");

/** What GitHub makes of a heading for links to it. */
const anchorOf = (heading: string): string =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(" ", "-");

const anchorsOf = (page: string): string[] =>
  [...textOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading));

/** Links of a page to others of the project: the file, from the root, and the heading. */
const linksOf = (page: string): { file: string; anchor: string | undefined }[] =>
  [...textOf(page).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)].map(([, path = "", anchor]) => ({
    file: path === "" ? page : join(dirname(page), path),
    anchor,
  }));

describe("links in the documentation", () => {
  for (const page of PAGES) {
    it(`of ${page} lead to a page and a heading that exist`, () => {
      for (const { file, anchor } of linksOf(page)) {
        expect(existsSync(ROOT + file), file).to.equal(true);
        if (anchor !== undefined) {
          expect(anchorsOf(file), file).to.include(anchor);
        }
      }
    });
  }

  it("are found", () => {
    expect(PAGES.flatMap(linksOf).length).to.be.greaterThan(50);
  });
});
