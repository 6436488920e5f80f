import { readFileSync } from "node:fs";

/** The text of a runbook, e.g. of `docs/runbooks/failed.md`; undefined where this installation has no such page. */
export function readRunbook(path: string): string | undefined {
  for (const root of ["../../", "../../../"]) {
    try {
      return readFileSync(new URL(root + path, import.meta.url), "utf8");
    } catch {
      // The other place has it, as with package.json; or a reason of another version has no page here.
    }
  }
  return undefined;
}
