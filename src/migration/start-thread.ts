import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/**
 * Starts a thread on a module, given by its name once built, `….js`.
 *
 * Run from source it is TypeScript, which a thread cannot load by itself: on Node 20 threads do not inherit the process's loader, whatever
 * their `execArgv` (nodejs/node#47747), so it is set up inside.
 */
export function startThread(entry: URL): Worker {
  if (!import.meta.url.endsWith(".ts")) {
    return new Worker(entry);
  }
  // Not import.meta.resolve: where mocha loads this through require, there is none.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx/package.json"));
  const loader = JSON.stringify(new URL("dist/esm/api/index.mjs", tsx).href);
  const source = JSON.stringify(entry.href.replace(/\.js$/, ".ts"));
  return new Worker(`import(${loader}).then(({ register }) => { register(); return import(${source}); })`, {
    eval: true,
    execArgv: [],
  });
}
