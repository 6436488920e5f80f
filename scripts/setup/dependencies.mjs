import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";

const root = new URL("../../", import.meta.url);

/** Installs the locked dependencies when they are missing or not those of the lock file. Needs nothing but Node and npm. */
export function ensureDependencies() {
  const missing = missingPackages();
  if (missing.length === 0) {
    return;
  }
  process.stderr.write(`Installing dependencies (${missing.length} missing or stale, e.g. ${missing[0]}) …\n`);
  const { status } = spawnSync("npm", ["ci", "--loglevel=error"], { cwd: root, stdio: ["ignore", 2, 2] });
  if (status !== 0) {
    process.stderr.write("npm ci failed: see above. The registry must be reachable once.\n");
    process.exit(1);
  }
}

/** Locked packages that are not installed in the locked version. Optional ones depend on the machine, so they do not count. */
function missingPackages() {
  const locked = packagesOf("package-lock.json") ?? {};
  const installed = packagesOf("node_modules/.package-lock.json");
  if (installed === undefined) {
    return ["everything"];
  }
  return Object.entries(locked)
    .filter(([path, { optional, peer, link }]) => path !== "" && !optional && !peer && !link)
    .filter(([path, { version }]) => installed[path]?.version !== version)
    .map(([path]) => path.replace(/^node_modules\//, ""));
}

function packagesOf(file) {
  try {
    return JSON.parse(readFileSync(new URL(file, root), "utf8")).packages;
  } catch {
    return undefined;
  }
}
