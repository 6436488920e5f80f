#!/usr/bin/env node
// Runs the ferry command: as built where that is up to date, else from its sources.
import { existsSync, readdirSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = new URL("../", import.meta.url);
const built = new URL("dist/src/cli/main.js", root);
const source = new URL("src/cli/main.ts", root);

process.setSourceMapsEnabled(true);
if (existsSync(built) && !(existsSync(source) && isOlderThanSources(built))) {
  await import(built.href);
} else {
  const { register } = await import("tsx/esm/api");
  register();
  await import(source.href);
}

/** A checkout that was built once and changed since must not run what was built. */
function isOlderThanSources(file) {
  const builtAtMs = statSync(file).mtimeMs;
  const sources = fileURLToPath(new URL("src/", root));
  return readdirSync(sources, { recursive: true, withFileTypes: true }).some(
    (entry) => entry.isFile() && statSync(`${entry.parentPath}/${entry.name}`).mtimeMs > builtAtMs,
  );
}
