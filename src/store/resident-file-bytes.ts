import { readFileSync } from "node:fs";

/** Bytes of mapped files that are resident in this process, as Linux counts them; undefined elsewhere. */
export function residentFileBytes(): number | undefined {
  try {
    const [, kilobytes] = /^RssFile:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}
