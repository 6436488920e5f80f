import type { Row } from "./v1-actors.ts";

/** The rows of what `ferry store dump` prints. */
export function parseRows(text: string): Row[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const { k, v } = JSON.parse(line) as { k: string; v: string };
      return { key: Uint8Array.from(Buffer.from(k, "hex")), value: Uint8Array.from(Buffer.from(v, "hex")) };
    });
}

/** Rows as `ferry store load` reads them. */
export function formatRows(rows: readonly Row[]): string {
  return rows
    .map(
      ({ key, value }) => `{"k":"${Buffer.from(key).toString("hex")}","v":"${Buffer.from(value).toString("hex")}"}\n`,
    )
    .join("");
}
