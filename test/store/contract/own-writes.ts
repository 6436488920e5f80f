import { expect } from "chai";
import type { MakeStore } from "../../support/stores.ts";
import { InvariantError } from "../../../src/errors.ts";
import { bytes, errorOf, text, withCorner } from "./harness.ts";

/** A counter's value as the store keeps it. */
const counter = (value: bigint): string => {
  const buffer = Buffer.alloc(8);
  buffer.writeBigInt64LE(value);
  return buffer.toString("latin1");
};

/** How a transaction sees its own writes, before anybody else does. */
export function describeOwnWrites(makeStore: MakeStore): void {
  describe("writing", () => {
    withCorner(makeStore, (corner) => {
      it("reads its own sets and clears, by key and by range", async () => {
        const { store, key, put } = corner();
        await put({ a: "old", b: "old", d: "old" });
        const [a, b, rows] = await store.transact(async (tx) => {
          tx.set(key("a"), bytes("new"));
          tx.clear(key("b"));
          tx.set(key("c"), bytes("new"));
          return [text(await tx.get(key("a"))), await tx.get(key("b")), await corner().rows(tx)] as const;
        });
        expect([a, b]).to.deep.equal(["new", undefined]);
        expect(rows).to.deep.equal([["a", "new"], ["c", "new"], ["d", "old"]]); // prettier-ignore
        expect(await corner().contents()).to.deep.equal({ a: "new", c: "new", d: "old" });
      });

      it("applies clears of ranges and sets in the order they were made", async () => {
        const { store, key, put } = corner();
        await put({ a: "old", b: "old", c: "old", d: "old" });
        const rows = await store.transact(async (tx) => {
          tx.set(key("b"), bytes("lost"));
          tx.clearRange(corner().range("a", "d"));
          tx.set(key("c"), bytes("kept"));
          return corner().rows(tx);
        });
        expect(rows).to.deep.equal([["c", "kept"], ["d", "old"]]); // prettier-ignore
        expect(await corner().contents()).to.deep.equal({ c: "kept", d: "old" });
      });

      it("counts its own rows towards a limit, and its clears not, in both directions", async () => {
        const { store, key, put } = corner();
        await put({ a: "1", c: "1", e: "1", g: "1" });
        const read = await store.transact(async (tx) => {
          tx.set(key("b"), bytes("2"));
          tx.clear(key("c"));
          tx.set(key("h"), bytes("2"));
          const names = async (reverse: boolean): Promise<string> =>
            (await corner().rows(tx, undefined, { limit: 3, reverse })).map(([name]) => name).join("");
          return [await names(false), await names(true)];
        });
        expect(read).to.deep.equal(["abe", "hge"]);
      });

      it("finds rows beyond many it cleared", async () => {
        const { store, key } = corner();
        await corner().write((tx) => {
          for (let index = 100; index < 400; index++) {
            tx.set(key(String(index)), Buffer.alloc(2_000));
          }
        });
        const read = await store.transact(async (tx) => {
          tx.clearRange(corner().range("100", "398"));
          const rows = await corner().rows(tx, undefined, { limit: 1 });
          return rows.map(([name]) => name);
        });
        expect(read).to.deep.equal(["398"]);
      });

      it("adds to counters: absent is 0, sums wrap, and its own adds are seen", async () => {
        const { store, key } = corner();
        const seen = await store.transact(async (tx) => {
          tx.add(key("a"), 5n);
          tx.add(key("a"), -7n);
          tx.set(key("b"), bytes(counter(10n)));
          tx.add(key("b"), 1n);
          return [text(await tx.get(key("a"))), text(await tx.get(key("b")))];
        });
        expect(seen).to.deep.equal([counter(-2n), counter(11n)]);
        await corner().write((tx) => {
          tx.add(key("a"), 2n ** 63n + 3n);
          tx.clear(key("b"));
          tx.add(key("b"), 4n);
        });
        expect(await corner().contents()).to.deep.equal({ a: counter(1n - 2n ** 63n), b: counter(4n) });
      });

      it("adds to values of other lengths as FoundationDB does: 8 bytes come out", async () => {
        const { key, put } = corner();
        await put({ short: "\x01", long: "\x01\0\0\0\0\0\0\0rest" });
        await corner().write((tx) => {
          tx.add(key("short"), 1n);
          tx.add(key("long"), 1n);
        });
        expect(await corner().contents()).to.deep.equal({ short: counter(2n), long: counter(2n) });
      });

      it("sees an add of its own in a range", async () => {
        const { store, key, put } = corner();
        await put({ a: counter(1n), c: counter(1n) });
        const rows = await store.transact(async (tx) => {
          tx.add(key("a"), 1n);
          tx.add(key("b"), 1n);
          return corner().rows(tx);
        });
        expect(rows).to.deep.equal([["a", counter(2n)], ["b", counter(1n)], ["c", counter(1n)]]); // prettier-ignore
      });

      it("writes nothing when its body throws", async () => {
        const { store, key } = corner();
        const failure = new Error("no");
        const error = await errorOf(
          store.transact(async (tx) => {
            tx.set(key("a"), bytes("1"));
            await Promise.reject(failure);
          }),
        );
        expect(error).to.equal(failure);
        expect(await corner().contents()).to.deep.equal({});
      });

      it("refuses to be used after its end", async () => {
        const { store, key } = corner();
        const leaked = await store.transact((tx) => Promise.resolve({ tx }));
        expect(() => {
          leaked.tx.set(key("a"), bytes("1"));
        }).to.throw(InvariantError);
        expect(await errorOf(leaked.tx.get(key("a")))).to.be.instanceOf(InvariantError);
      });

      it("refuses a range to clear that ends before it begins", async () => {
        const error = await errorOf(
          corner().write((tx) => {
            tx.clearRange(corner().range("b", "a"));
          }),
        );
        expect(error).to.be.instanceOf(InvariantError);
      });
    });
  });
}
