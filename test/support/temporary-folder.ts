import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Gives each test of the enclosing suite a folder of its own, gone afterwards; call it in `describe`. */
export function temporaryFolder(): { readonly path: string; readonly store: string; in(name: string): string } {
  let path = "";
  beforeEach(async () => {
    path = await mkdtemp(join(tmpdir(), "ferry-cli-"));
  });
  afterEach(async () => {
    await rm(path, { recursive: true, force: true });
  });
  return {
    get path() {
      return path;
    },
    get store() {
      return `lmdb:${join(path, "store")}`;
    },
    in: (name) => join(path, name),
  };
}
