import { readFileSync } from "node:fs";

/** Ferry's version, from package.json: beside `src` in a checkout, beside `dist` when built. */
export function ferryVersion(): string {
  for (const place of ["../../package.json", "../../../package.json"]) {
    try {
      const { version } = JSON.parse(readFileSync(new URL(place, import.meta.url), "utf8")) as { version: string };
      return version;
    } catch {
      // The other place has it.
    }
  }
  return "unknown";
}
