import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { Row } from "../support/v1-actors.ts";

/** The golden vectors, made by another implementation. */
const DIRECTORY = fileURLToPath(new URL("../vectors", import.meta.url));

export function vectorBytes(name: string): Uint8Array {
  return Uint8Array.from(readFileSync(resolve(DIRECTORY, name)));
}

export function vectorJson(name: string): unknown {
  return JSON.parse(readFileSync(resolve(DIRECTORY, name), "utf8"));
}

/** The rows of an ndjson vector. */
export function vectorRows(name: string): Row[] {
  const lines = readFileSync(resolve(DIRECTORY, name), "utf8").trim().split("\n");
  return lines.map((line) => {
    const { k, v } = JSON.parse(line) as { k: string; v: string };
    return { key: hex(k), value: hex(v) };
  });
}

export function hex(text: string): Uint8Array {
  return Uint8Array.from(Buffer.from(text, "hex"));
}
