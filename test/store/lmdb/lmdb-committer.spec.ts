import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { ABORT } from "lmdb";
import { toKeyString } from "../../../src/store/lmdb/key-string.ts";
import { LmdbCommitter } from "../../../src/store/lmdb/lmdb-committer.ts";
import { type LmdbEnvironment, openEnvironment } from "../../../src/store/lmdb/lmdb-environment.ts";
import type { LmdbGate } from "../../../src/store/lmdb/lmdb-gate.ts";
import { ReadSet } from "../../../src/store/lmdb/read-set.ts";
import { ReadVersions } from "../../../src/store/lmdb/read-versions.ts";
import { bytes, kindOf } from "../contract/harness.ts";
import { ManualClock } from "../manual-clock.ts";

describe("the committer of the embedded store", () => {
  let directory: string;
  let environment: LmdbEnvironment;

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-committer-"));
    environment = openEnvironment(directory);
  });

  afterEach(async () => {
    await environment.root.close();
    await rm(directory, { recursive: true });
  });

  it("judges by what is in the store after a commit that failed: nothing of it counts as written", async () => {
    let fails = false;
    const root = new Proxy(environment.root, {
      get(target, name) {
        const childTransaction = async (body: () => unknown): Promise<unknown> => {
          const isUndone = fails;
          const result = await target.childTransaction(() => (body(), isUndone ? ABORT : undefined));
          if (isUndone) {
            throw new Error("the commit failed");
          }
          return result;
        };
        const value: unknown = Reflect.get(target, name, target);
        return name === "childTransaction"
          ? childTransaction
          : typeof value === "function"
            ? (value.bind(target) as unknown)
            : value;
      },
    });
    const gate = { pass: (commit: () => Promise<unknown>) => commit() } as unknown as LmdbGate;
    const reads = new ReadVersions();
    const committer = new LmdbCommitter({ ...environment, root }, gate, new ManualClock(), reads);
    const write = (key: string, read?: string): Promise<void> => {
      const readSet = new ReadSet();
      if (read !== undefined) {
        readSet.addKey(toKeyString(bytes(read)));
      }
      return committer.commit({
        ...{ reads: readSet, readVersion: read === undefined ? undefined : 1n, affectedBytes: 1 },
        mutations: [{ type: "set", key: bytes(key), value: bytes("1") }],
      });
    };
    await write("a");
    reads.hold(1n);
    fails = true;
    expect(await kindOf(write("b"))).to.equal("unavailable");
    fails = false;
    await write("c", "b");
    expect(await kindOf(write("d", "c"))).to.equal("conflict");
  });
});
