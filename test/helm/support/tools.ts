import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import process from "node:process";

/** Programs that cannot come from npm; `scripts/install-tools.sh` installs them. */
export type Tool = "helm" | "promtool" | "prometheus" | "redis-server";

/** Where a tool is: on PATH, or where `scripts/install-tools.sh` puts it. */
export function findTool(tool: Tool): string | undefined {
  const { PATH = "", XDG_CACHE_HOME } = process.env; // eslint-disable-line n/no-process-env -- finds programs as a shell does
  const cache = join(XDG_CACHE_HOME ?? join(homedir(), ".cache"), "ferry-tools", "bin");
  return [...PATH.split(delimiter), cache].map((directory) => join(directory, tool)).find((path) => existsSync(path));
}

/**
 * `describe`, for tests that run other programs. Where one is missing, a pending test says what is not tested: continuous integration
 * fails on it by running `scripts/install-tools.sh` first.
 */
export function describeWith<const T extends Tool>(
  tools: readonly T[],
  title: string,
  body: (paths: Readonly<Record<T, string>>) => void,
): void {
  describe(title, function () {
    this.timeout(60_000); // each test starts programs, on machines that do other things too
    const found = tools.map((tool) => [tool, findTool(tool)] as const);
    const missing = found.filter(([, path]) => path === undefined).map(([tool]) => tool);
    if (missing.length > 0) {
      it(`IS NOT TESTED: ${missing.join(" and ")} missing; run scripts/install-tools.sh`);
      return;
    }
    body(Object.fromEntries(found) as Record<T, string>);
  });
}
