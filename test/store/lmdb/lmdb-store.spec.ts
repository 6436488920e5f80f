import { mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import fc from "fast-check";
import { open as openLmdb } from "lmdb";
import { UnavailableError } from "../../../src/errors.ts";
import { toHex } from "../../../src/formats/bytes.ts";
import { openStore, type OpenStoreOptions } from "../../../src/store/open-store.ts";
import { readRows } from "../../../src/store/read-rows.ts";
import type { Store, Transaction } from "../../../src/store/store.ts";
import { bytes, errorOf, kindOf, text } from "../contract/harness.ts";
import { ManualClock } from "../manual-clock.ts";

describe("the embedded store", () => {
  let directory: string;
  const stores: Store[] = [];

  const open = async (options: OpenStoreOptions = {}, path = directory): Promise<Store> => {
    const store = await openStore(`lmdb:${path}`, options);
    stores.push(store);
    return store;
  };
  const write = (store: Store, body: (tx: Transaction) => void): Promise<void> =>
    store.transact((tx) => {
      body(tx);
      return Promise.resolve();
    });

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-lmdb-"));
  });
  afterEach(async () => {
    await Promise.all(stores.splice(0).map((store) => store.close()));
    await rm(directory, { recursive: true });
  });

  it("clears ranges by what is there at that moment, however many clears found nothing there before", async () => {
    const names = ["a", "b", "c", "d", "e"];
    const key = fc.constantFrom(...names);
    const step = fc.oneof(
      key.map((name) => ({ kind: "set" as const, name })),
      key.map((name) => ({ kind: "clear" as const, name })),
      fc.tuple(key, key).map(([begin, end]) => ({ kind: "range" as const, begin, end })),
    );
    const store = await open();
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        const model = new Set<string>();
        await write(store, (tx) => {
          tx.clearRange({ begin: bytes("a"), end: bytes("f") });
          for (const next of steps) {
            if (next.kind === "set") {
              tx.set(bytes(next.name), bytes("1"));
              model.add(next.name);
            } else if (next.kind === "clear") {
              tx.clear(bytes(next.name));
              model.delete(next.name);
            } else if (next.begin <= next.end) {
              tx.clearRange({ begin: bytes(next.begin), end: bytes(next.end) });
              names.filter((name) => name >= next.begin && name < next.end).forEach((name) => model.delete(name));
            }
          }
        });
        const found: string[] = [];
        await store.transact(async (tx) => {
          found.length = 0;
          for await (const rows of tx.getRange({ begin: bytes("a"), end: bytes("f") })) {
            found.push(...rows.map((row) => text(row.key) ?? ""));
          }
        });
        expect(found).to.deep.equal([...model].sort());
      }),
    );
  });

  it("commits no more than a thousand or so transactions, or 8 MiB, at once, so that others' turn comes", async () => {
    const store = await open();
    const commitsOf = async (transactions: number, valueBytes: number): Promise<number> => {
      const all = Array.from({ length: transactions }, (_, index) =>
        write(store, (tx) => {
          tx.set(bytes(`bulk/${index}`), new Uint8Array(valueBytes));
          tx.setVersionstampedValue(
            bytes(`stamp/${transactions}/${String(index).padStart(5, "0")}`),
            new Uint8Array(10),
            0,
          );
        }),
      );
      await Promise.all(all);
      const begin = bytes(`stamp/${transactions}/`);
      const rows = await store.transact((tx) => readRows(tx, { begin, end: bytes(`stamp/${transactions}0`) }));
      expect(rows).to.have.length(transactions);
      return new Set(rows.map(({ value }) => toHex(value.subarray(0, 8)))).size;
    };
    expect(await commitsOf(2_500, 1)).to.be.at.least(3);
    expect(await commitsOf(190, 90_000)).to.be.at.least(2);
  });

  it("lets the event loop turn while somebody only reads, of single rows and of ranges", async () => {
    const store = await open();
    await write(store, (tx) => {
      tx.set(bytes("a"), bytes("1"));
    });
    const reads = {
      single: (tx: Transaction) => tx.get(bytes("a"), { snapshot: true }),
      range: async (tx: Transaction) => {
        for await (const rows of tx.getRange({ begin: bytes("a"), end: bytes("b") }, { limit: 1, snapshot: true })) {
          return rows[0];
        }
        return undefined;
      },
    };
    for (const [name, read] of Object.entries(reads)) {
      const turned = new AbortController();
      setTimeout(() => {
        turned.abort();
      }, 1);
      const endMs = performance.now() + 2_000;
      while (!turned.signal.aborted && performance.now() < endMs) {
        await store.transact<unknown>(read);
      }
      expect(turned.signal.aborted, name).to.equal(true);
    }
  });

  describe("window", () => {
    it("makes a read too old", async () => {
      const clock = new ManualClock();
      const store = await open({ clock });
      const read = store.transact(
        async (tx) => {
          await tx.get(bytes("a"));
          clock.advance(5_001);
          await tx.get(bytes("b"));
        },
        { maxAttempts: 1 },
      );
      expect(await errorOf(read)).to.have.nested.property("cause.kind", "too_old");
    });

    it("makes a range read too old, also between its batches", async () => {
      const clock = new ManualClock();
      const store = await open({ clock });
      await write(store, (tx) => {
        for (let index = 0; index < 20; index++) {
          tx.set(bytes(String(index)), Buffer.alloc(50_000));
        }
      });
      let batches = 0;
      const read = store.transact(
        async (tx) => {
          for await (const batch of tx.getRange({ begin: bytes("0"), end: bytes("a") })) {
            batches += Math.min(batch.length, 1);
            clock.advance(3_000);
          }
        },
        { maxAttempts: 1 },
      );
      expect(await errorOf(read)).to.have.nested.property("cause.kind", "too_old");
      expect(batches).to.equal(2);
    });

    it("makes a commit too old, also when all that was read was a snapshot", async () => {
      for (const snapshot of [false, true]) {
        const clock = new ManualClock();
        const store = await open({ clock });
        const written = store.transact(
          async (tx) => {
            await tx.get(bytes("a"), { snapshot });
            clock.advance(5_001);
            tx.set(bytes("b"), bytes("late"));
          },
          { maxAttempts: 1 },
        );
        expect(await errorOf(written)).to.have.nested.property("cause.kind", "too_old");
        expect(await store.transact((tx) => tx.get(bytes("b")))).to.equal(undefined);
      }
    });

    it("does not close on a transaction that read nothing", async () => {
      const clock = new ManualClock();
      const store = await open({ clock });
      await write(store, (tx) => {
        tx.set(bytes("a"), bytes("1"));
        clock.advance(60_000);
      });
      expect(text(await store.transact((tx) => tx.get(bytes("a"))))).to.equal("1");
    });

    it("is refreshed by an attempt that is made again", async () => {
      const clock = new ManualClock();
      const store = await open({ clock });
      let runs = 0;
      await store.transact(async (tx) => {
        await tx.get(bytes("a"));
        clock.advance(++runs === 1 ? 6_000 : 0);
        tx.set(bytes("a"), bytes("done"));
      });
      expect(runs).to.equal(2);
    });

    it("forgets commits that nothing can ask for any more: the log does not grow", async () => {
      const clock = new ManualClock();
      const store = await open({ clock });
      for (let index = 0; index < 50; index++) {
        await write(store, (tx) => {
          tx.set(bytes("a"), bytes(String(index)));
        });
        clock.advance(1_000);
      }
      await store.close();
      const root = openLmdb({ path: directory, noSubdir: false, encoding: "binary", keyEncoding: "binary" });
      const log = root.openDB({ name: "log", encoding: "binary", keyEncoding: "binary" });
      const rows = log.getKeysCount();
      await root.close();
      expect(rows).to.be.within(5, 15);
    });
  });

  it("does not grow while rows are overwritten and a transaction outlives the window", async function () {
    this.timeout(20_000);
    const clock = new ManualClock();
    const store = await open({ clock });
    const overwrite = async (): Promise<void> => {
      for (let round = 0; round < 20; round++) {
        await write(store, (tx) => {
          tx.set(bytes("a"), Buffer.alloc(100_000, round));
        });
      }
    };
    await overwrite();
    const before = (await stat(join(directory, "data.mdb"))).size;
    const waited = store.transact(
      async (tx) => {
        await tx.get(bytes("a"));
        clock.advance(6_000);
        await errorOf(tx.get(bytes("a")));
        await overwrite();
        await overwrite();
      },
      { maxAttempts: 1 },
    );
    await waited;
    expect((await stat(join(directory, "data.mdb"))).size).to.be.lessThan(before * 1.5);
  });

  it("keeps rows, versions and order when it is opened again", async () => {
    const stamp = async (): Promise<string> => {
      const store = await open();
      await write(store, (tx) => {
        tx.setVersionstampedValue(bytes("v"), bytes("##########"), 0);
        tx.set(bytes("a"), bytes("1"));
      });
      const value = await store.transact((tx) => tx.get(bytes("v")));
      await store.close();
      return String(text(value));
    };
    const [first, second] = [await stamp(), await stamp()];
    expect(first < second).to.equal(true);
    expect(text(await (await open()).transact((tx) => tx.get(bytes("a"))))).to.equal("1");
  });

  it("can be opened twice in one process, by two names, and stays open until both are closed", async () => {
    const first = await open();
    const second = await open({}, join(directory, "..", directory.slice(directory.lastIndexOf("/") + 1)));
    await write(first, (tx) => {
      tx.set(bytes("a"), bytes("1"));
    });
    await first.close();
    expect(text(await second.transact((tx) => tx.get(bytes("a"))))).to.equal("1");
    expect(await kindOf(first.transact((tx) => tx.get(bytes("a"))))).to.equal("closed");
  });

  it("makes its directory, also one whose name has a dot", async () => {
    const path = join(directory, "new", "data.d");
    await open({}, path);
    expect(await readdir(path)).to.have.members(["data.mdb", "gate", "lock.mdb"]);
  });

  describe("says in a sentence", () => {
    const refusalOf = async (code: string, path: string, options: OpenStoreOptions = {}): Promise<string> => {
      const error = await errorOf(openStore(`lmdb:${path}`, options));
      expect(error).to.be.instanceOf(UnavailableError).with.property("code", code);
      return (error as UnavailableError).message;
    };
    const refusal = (path: string): Promise<string> => refusalOf("store_unavailable", path);

    it("that its place is a file, or under one", async () => {
      const path = join(directory, "file");
      await writeFile(path, "text");
      expect(await refusal(path)).to.contain("this is a file");
      expect(await refusal(join(path, "below"))).to.contain("this is a file");
    });

    it("that a directory holds other files", async () => {
      await writeFile(join(directory, "notes.txt"), "text");
      expect(await refusal(directory)).to.contain("holds other files");
    });

    it("that a database is not of Ferry", async () => {
      const other = openLmdb({ path: directory, noSubdir: false });
      await other.put("key", "value");
      await other.close();
      expect(await refusal(directory)).to.contain("did not make");
    });

    it("that a database is damaged", async () => {
      await writeFile(join(directory, "data.mdb"), Buffer.alloc(20_000, "no database"));
      expect(await refusal(directory)).to.contain("is damaged");
    });

    it("that what it would open, its own or its gate's, is no file that can be read", async () => {
      await mkdir(join(directory, "data.mdb"));
      expect(await refusal(directory)).to.contain("cannot be read");
      const gate = join(directory, "other", "gate");
      await mkdir(join(gate, "data.mdb"), { recursive: true });
      expect(await refusal(join(directory, "other"))).to.contain("cannot be read");
      await rm(gate, { recursive: true });
      await writeFile(gate, "text");
      expect(await refusal(join(directory, "other"))).to.contain("this is a file");
    });

    for (const options of [{ readOnly: true }, { create: false }]) {
      it(`that there is no store, when opened with ${JSON.stringify(options)}, and makes none`, async () => {
        const path = join(directory, "none");
        expect(await refusalOf("store_missing", path, options)).to.contain("does not exist");
        await mkdir(path);
        expect(await refusalOf("store_missing", path, options)).to.contain("the directory holds none");
        expect(await readdir(path)).to.deep.equal([]);
      });
    }
  });
});
