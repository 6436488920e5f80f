import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** The project's folder, with a slash: the nearest above with a package.json, as the benchmark runs from its build as well as from its source. */
export const PROJECT_ROOT = projectRoot(dirname(fileURLToPath(import.meta.url)));

function projectRoot(folder: string): URL {
  const root = pathToFileURL(`${folder}/`);
  return existsSync(new URL("package.json", root)) ? root : projectRoot(dirname(folder));
}
