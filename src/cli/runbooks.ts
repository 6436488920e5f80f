import { existsSync, readFileSync } from "node:fs";

/** The text of a runbook, e.g. of `docs/runbooks/failed.md`; undefined where this installation has no such page. */
export function readRunbook(path: string): string | undefined {
  // Run from source and built, as with package.json.
  const place = ["../../", "../../../"].map((root) => new URL(root + path, import.meta.url)).find(existsSync);
  return place === undefined ? undefined : readFileSync(place, "utf8");
}
