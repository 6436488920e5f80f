import { expect } from "chai";
import type { Transaction } from "../../../src/store/store.ts";
import { StoreError } from "../../../src/store/errors.ts";
import type { MakeStore } from "../../support/stores.ts";
import { bytes, type Corner, text, withCorner } from "./harness.ts";

/** One transaction does `mine`, another commits `theirs`, then the first writes something else and commits. */
interface Interleaving {
  readonly title: string;
  readonly mine: (tx: Transaction, corner: Corner) => Promise<unknown>;
  readonly theirs: (tx: Transaction, corner: Corner) => void;
}

const set =
  (name: string, value = "theirs") =>
  (tx: Transaction, { key }: Corner): void => {
    tx.set(key(name), bytes(value));
  };
const readRows =
  (begin: string, end: string, options = {}) =>
  (tx: Transaction, corner: Corner): Promise<unknown> =>
    corner.rows(tx, corner.range(begin, end), options);

/** Reads a range of which it has written and cleared parts itself. */
function readAround(tx: Transaction, corner: Corner): Promise<unknown> {
  tx.set(corner.key("b"), bytes("mine"));
  tx.clearRange(corner.range("d", "e"));
  tx.clear(corner.key("f"));
  return corner.rows(tx, corner.range("a", "z"));
}

/** Reads only the first batch of a range. */
async function readFirstBatch(tx: Transaction, corner: Corner): Promise<void> {
  for await (const batch of tx.getRange(corner.everything)) {
    expect(batch.length).to.be.greaterThan(0);
    return;
  }
}

/** The store holds b, d and f before each. */
const CONFLICTS: readonly Interleaving[] = [
  { title: "a key that was read", mine: (tx, { key }) => tx.get(key("b")), theirs: set("b") },
  { title: "a key that was read and was not there", mine: (tx, { key }) => tx.get(key("a")), theirs: set("a") },
  { title: "a key that was read, though to the same value", mine: (tx, { key }) => tx.get(key("b")), theirs: set("b", "mine") }, // prettier-ignore
  {
    title: "a key that was read, by clearing it",
    mine: (tx, { key }) => tx.get(key("b")),
    theirs: (tx, { key }) => {
      tx.clear(key("b"));
    },
  },
  {
    title: "a key that was read, by clearing a range around it",
    mine: (tx, { key }) => tx.get(key("b")),
    theirs: (tx, corner) => {
      tx.clearRange(corner.range("a", "c"));
    },
  },
  {
    title: "a key that was read, by adding to it",
    mine: (tx, { key }) => tx.get(key("b")),
    theirs: (tx, { key }) => {
      tx.add(key("b"), 1n);
    },
  },
  { title: "a row in a range that was read", mine: readRows("a", "z"), theirs: set("d") },
  { title: "a new row in a range that was read: no phantoms", mine: readRows("a", "z"), theirs: set("c") },
  { title: "a new row in an empty range that was read", mine: readRows("x", "z"), theirs: set("y") },
  { title: "a new row at the begin of a range that was read", mine: readRows("a", "z"), theirs: set("a") },
  { title: "a new row after the last of a range read to its end", mine: readRows("a", "z"), theirs: set("g") },
  {
    title: "part of a range that was read, by clearing a range that overlaps it",
    mine: readRows("c", "z"),
    theirs: (tx, corner) => {
      tx.clearRange(corner.range("a", "c\0"));
    },
  },
  { title: "the last row within a limit", mine: readRows("a", "z", { limit: 2 }), theirs: set("d") },
  { title: "a new row before the limit was reached", mine: readRows("a", "z", { limit: 2 }), theirs: set("c") },
  { title: "the last row within a limit, reversed", mine: readRows("a", "z", { limit: 2, reverse: true }), theirs: set("d") }, // prettier-ignore
  { title: "a new row at the end of a range read in reverse", mine: readRows("a", "z", { limit: 1, reverse: true }), theirs: set("g") }, // prettier-ignore
  {
    title: "a range named without being read",
    mine: async (tx, corner) => {
      tx.addReadConflictRange(corner.range("a", "c"));
      await tx.get(corner.key("elsewhere"));
    },
    theirs: set("b"),
  },
  {
    title: "a key that was read after an add of its own, which depends on what is there",
    mine: (tx, { key }) => {
      tx.add(key("b"), 1n);
      return tx.get(key("b"));
    },
    theirs: set("b"),
  },
  ...(["a", "c", "e", "g"] as const).map((name) => ({
    title: `a range that was read, before, between or behind what the transaction wrote itself (${name})`,
    mine: readAround,
    theirs: set(name),
  })),
  {
    title: "a key that was read and only then written",
    mine: async (tx, { key }) => {
      await tx.get(key("b"));
      tx.set(key("b"), bytes("mine"));
    },
    theirs: set("b"),
  },
];

const NO_CONFLICTS: readonly Interleaving[] = [
  { title: "a key that was not read", mine: (tx, { key }) => tx.get(key("b")), theirs: set("b\0") },
  { title: "a key that was read as a snapshot", mine: (tx, { key }) => tx.get(key("b"), { snapshot: true }), theirs: set("b") }, // prettier-ignore
  { title: "a range that was read as a snapshot", mine: readRows("a", "z", { snapshot: true }), theirs: set("c") },
  { title: "a row at the end of a range, which it excludes", mine: readRows("a", "d"), theirs: set("d") },
  { title: "a row beyond a limit", mine: readRows("a", "z", { limit: 2 }), theirs: set("e") },
  { title: "a row beyond a limit, reversed", mine: readRows("a", "z", { limit: 2, reverse: true }), theirs: set("c") },
  {
    title: "a key that was written blindly",
    mine: async (tx, { key }) => {
      tx.set(key("b"), bytes("mine"));
      await tx.get(key("elsewhere"));
    },
    theirs: set("b"),
  },
  {
    title: "a counter that was added to",
    mine: async (tx, { key }) => {
      tx.add(key("n"), 1n);
      await tx.get(key("elsewhere"));
    },
    theirs: (tx, { key }) => {
      tx.add(key("n"), 1n);
    },
  },
  {
    title: "a key that was read only after the transaction had set it itself",
    mine: (tx, { key }) => {
      tx.set(key("b"), bytes("mine"));
      return tx.get(key("b"));
    },
    theirs: set("b"),
  },
  ...(["b", "dd", "f"] as const).map((name) => ({
    title: `what the transaction had written or cleared itself in a range that it read (${name})`,
    mine: readAround,
    theirs: set(name),
  })),
  {
    title: "a range that was read only after the transaction had cleared it itself",
    mine: (tx, corner) => {
      tx.clearRange(corner.range("a", "z"));
      return corner.rows(tx, corner.range("a", "z"));
    },
    theirs: set("c"),
  },
];

/** Which transactions conflict: those whose serializable reads another one changed, and no others. */
export function describeConflicts(makeStore: MakeStore): void {
  describe("conflicting", () => {
    withCorner(makeStore, (corner) => {
      const interleave = async ({ mine, theirs }: Interleaving): Promise<string> => {
        const { store, key, put } = corner();
        await put({ b: "mine", d: "mine", f: "mine" });
        const transaction = store.transact(
          async (tx) => {
            await mine(tx, corner());
            await corner().write((other) => {
              theirs(other, corner());
            });
            tx.set(key("witness"), bytes("1"));
          },
          { maxAttempts: 1 },
        );
        const outcome = await transaction.then(
          () => "committed",
          (error: unknown) => (error as Error).cause,
        );
        const witness = await store.transact((tx) => tx.get(key("witness")));
        expect(text(witness)).to.equal(outcome === "committed" ? "1" : undefined);
        return outcome instanceof StoreError ? outcome.kind : String(outcome);
      };

      for (const interleaving of CONFLICTS) {
        it(`conflicts when another writes ${interleaving.title}`, async () => {
          expect(await interleave(interleaving)).to.equal("conflict");
        });
      }

      for (const interleaving of NO_CONFLICTS) {
        it(`does not conflict when another writes ${interleaving.title}`, async () => {
          expect(await interleave(interleaving)).to.equal("committed");
        });
      }

      it("does not conflict beyond the batches that were read when reading stops early", async () => {
        const { store, key } = corner();
        await corner().write((tx) => {
          for (let index = 100; index < 190; index++) {
            tx.set(key(String(index)), Buffer.alloc(30_000));
          }
        });
        await store.transact(
          async (tx) => {
            await readFirstBatch(tx, corner());
            await corner().put({ "189": "theirs" });
            tx.set(key("witness"), bytes("1"));
          },
          { maxAttempts: 1 },
        );
        expect(text(await store.transact((tx) => tx.get(key("witness"))))).to.equal("1");
      });

      it("lets a transaction that only reads pass, whatever changed", async () => {
        const { store, key, put } = corner();
        await store.transact(
          async (tx) => {
            await tx.get(key("a"));
            await put({ a: "theirs" });
          },
          { maxAttempts: 1 },
        );
      });

      it("loses no increment of many transactions at once on one key", async () => {
        const { store, key, put } = corner();
        await put({ n: "0" });
        const increments = Array.from({ length: 40 }, () =>
          store.transact(async (tx) => {
            tx.set(key("n"), bytes(String(Number(text(await tx.get(key("n")))) + 1)));
          }),
        );
        await Promise.all(increments);
        expect(await corner().contents()).to.deep.equal({ n: "40" });
      });

      it("adds from many transactions at once without one conflict", async () => {
        const { store, key } = corner();
        const adds = Array.from({ length: 40 }, () =>
          store.transact(
            (tx) => {
              tx.add(key("n"), 2n);
              return Promise.resolve();
            },
            { maxAttempts: 1 },
          ),
        );
        await Promise.all(adds);
        const total = await store.transact((tx) => tx.get(key("n")));
        expect(total === undefined ? 0n : Buffer.from(total).readBigInt64LE()).to.equal(80n);
      });

      it("keeps a sum over accounts while money moves between them", async function () {
        this.timeout(20_000);
        const { store, key, put } = corner();
        const names = ["a", "b", "c", "d", "e"];
        await put(Object.fromEntries(names.map((name) => [name, "100"])));
        const move = (from: string, to: string): Promise<void> =>
          store.transact(async (tx) => {
            const balance = async (name: string): Promise<number> => Number(text(await tx.get(key(name))));
            const [fromBalance, toBalance] = [await balance(from), await balance(to)];
            tx.set(key(from), bytes(String(fromBalance - 1)));
            tx.set(key(to), bytes(String(toBalance + 1)));
          });
        const sum = async (): Promise<number> => {
          const rows = await store.transact((tx) => corner().rows(tx, corner().range("a", "f")));
          return rows.reduce((total, [, value]) => total + Number(value), 0);
        };
        const sums: number[] = [];
        const work = Array.from({ length: 60 }, async (_, index) => {
          const from = names[index % 5] ?? "a";
          const to = names[(index * 2 + 1) % 5] ?? "b";
          if (from !== to) {
            await move(from, to);
          }
          sums.push(await sum());
        });
        await Promise.all(work);
        expect(new Set(sums)).to.deep.equal(new Set([500]));
      });
    });
  });
}
