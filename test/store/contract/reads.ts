import { expect } from "chai";
import type { KeyValue } from "../../../src/store/store.ts";
import type { MakeStore } from "../../support/stores.ts";
import { bytes, text, withCorner } from "./harness.ts";

/** What a transaction reads of what others committed. */
export function describeReads(makeStore: MakeStore): void {
  describe("reading", () => {
    withCorner(makeStore, (corner) => {
      it("gives undefined for a key that is not there", async () => {
        const { store, key } = corner();
        expect(await store.transact((tx) => tx.get(key("a")))).to.equal(undefined);
      });

      it("gives back every byte of a value, and an empty value as empty", async () => {
        const { store, key } = corner();
        const all = Uint8Array.from({ length: 256 }, (_, index) => index);
        await corner().write((tx) => {
          tx.set(key("all"), all);
          tx.set(key("none"), new Uint8Array());
        });
        const read = await store.transact(async (tx) => [await tx.get(key("all")), await tx.get(key("none"))]);
        expect(read.map((value) => value && [...value])).to.deep.equal([[...all], []]);
      });

      it("sees one version of the store, whatever others commit meanwhile", async () => {
        const { store, key } = corner();
        await corner().put({ a: "1", b: "1" });
        const seen = await store.transact(async (tx) => {
          const a = await tx.get(key("a"));
          await corner().put({ a: "2", b: "2", c: "2" });
          return [text(a), text(await tx.get(key("b"))), await corner().rows(tx)];
        });
        expect(seen).to.deep.equal(["1", "1", [["a", "1"], ["b", "1"]]]); // prettier-ignore
      });

      it("sees what was committed before it began, through any store on the same data", async () => {
        const { key } = corner();
        const other = await makeStore();
        for (const value of ["1", "2", "3"]) {
          await corner().put({ a: value });
          expect(text(await other.transact((tx) => tx.get(key("a"))))).to.equal(value);
        }
      });

      it("gives a range in byte order, from its begin to before its end", async () => {
        const { store } = corner();
        await corner().put({ "b\xff": "4", b: "2", a: "1", "b\0": "3", c: "5" });
        const rows = await store.transact((tx) => corner().rows(tx, corner().range("b", "c")));
        expect(rows).to.deep.equal([["b", "2"], ["b\0", "3"], ["b\xff", "4"]]); // prettier-ignore
      });

      it("gives no batch for an empty range and for one that ends before it begins", async () => {
        const { store } = corner();
        await corner().put({ a: "1", c: "1" });
        for (const [begin, end] of [
          ["b", "c"],
          ["c", "a"],
          ["a", "a"],
        ] as const) {
          // prettier-ignore
          expect(await store.transact((tx) => corner().rows(tx, corner().range(begin, end)))).to.deep.equal([]);
        }
      });

      it("stops at the limit, and begins at the end when reversed", async () => {
        const { store } = corner();
        await corner().put({ a: "1", b: "2", c: "3", d: "4" });
        const read = (options: { limit?: number; reverse?: boolean }): Promise<string> =>
          store.transact(async (tx) => (await corner().rows(tx, undefined, options)).map(([name]) => name).join(""));
        expect(await read({ limit: 2 })).to.equal("ab");
        expect(await read({ reverse: true })).to.equal("dcba");
        expect(await read({ reverse: true, limit: 3 })).to.equal("dcb");
        expect(await read({ limit: 0 })).to.equal("");
        expect(await read({ limit: 9 })).to.equal("abcd");
      });

      it("streams a large range in batches that together are the range, in both directions", async () => {
        const { store, key } = corner();
        const names = Array.from({ length: 60 }, (_, index) => String(index).padStart(3, "0"));
        await corner().write((tx) => {
          for (const name of names) {
            tx.set(key(name), Buffer.alloc(30_000, name));
          }
        });
        for (const reverse of [false, true]) {
          const batches = await store.transact(async (tx) => {
            const found: string[][] = [];
            for await (const batch of tx.getRange(corner().everything, { reverse })) {
              found.push(batch.map((row) => String(text(row.value)).slice(0, 3)));
            }
            return found;
          });
          expect(batches.length).to.be.greaterThan(2);
          expect(batches.flat()).to.deep.equal(reverse ? [...names].reverse() : names);
        }
      });

      it("puts values where they are wanted, in the order of rows, its own writes' and long keys' too", async () => {
        const { store, key } = corner();
        const long = "k".repeat(2_500);
        const names = [
          ...Array.from({ length: 40 }, (_, index) => String(index).padStart(3, "0")),
          `${long}1`,
          `${long}2`,
        ];
        await corner().write((tx) => {
          for (const name of names) {
            tx.set(key(name), Buffer.alloc(30_000, name));
          }
        });
        const read = async (options: { reverse?: boolean; limit?: number; writes?: boolean }): Promise<void> => {
          const memory = Buffer.alloc(2_000_000);
          let used = 0;
          const into = (length: number): Uint8Array => memory.subarray(used, (used += length));
          const found = await store.transact(async (tx) => {
            used = 0;
            const values: Uint8Array[] = [];
            const read = async (): Promise<void> => {
              for await (const batch of tx.getRange(corner().everything, { ...options, snapshot: true, into })) {
                await new Promise(setImmediate);
                values.push(...batch.map(({ value }) => value));
              }
            };
            if (options.writes === true) {
              tx.set(key("zzz"), Buffer.alloc(30_000, "zzz"));
            }
            await read();
            tx.clear(key("zzz"));
            return values;
          });
          const all = [...names, ...(options.writes === true ? ["zzz"] : [])];
          const expected = (options.reverse === true ? all.toReversed() : all)
            .slice(0, options.limit)
            .map((name) => Buffer.alloc(30_000, name));
          expect(found.length).to.equal(expected.length);
          expect(found.every(({ buffer }) => buffer === memory.buffer)).to.equal(true);
          expect(Buffer.concat(found).equals(Buffer.concat(expected))).to.equal(true);
          expect(memory.subarray(0, used).equals(Buffer.concat(expected))).to.equal(true);
        };
        await Promise.all([read({}), read({ reverse: true }), read({ limit: 17 }), read({ writes: true })]);
        await read({ writes: true, reverse: true });
      });

      it("gives values memory of their own where there is no room for them", async () => {
        const { store, key } = corner();
        await corner().put({ a: "1", b: "22", c: "3" });
        const room = Buffer.alloc(2);
        const rows = await store.transact(async (tx) => {
          const found: KeyValue[] = [];
          const into = (length: number): Uint8Array | undefined => (length === 2 ? room : undefined);
          for await (const batch of tx.getRange(corner().everything, { into })) {
            found.push(...batch);
          }
          return found;
        });
        expect(rows.map(({ value }) => text(value))).to.deep.equal(["1", "22", "3"]);
        expect(
          rows.map(({ value }) => value.buffer === room.buffer && value.byteOffset === room.byteOffset),
        ).to.deep.equal([false, true, false]);
        room.fill(0);
        expect(text(await store.transact((tx) => tx.get(key("b"))))).to.equal("22");
      });

      it("takes keys of up to 10,000 bytes, each where it sorts", async () => {
        const { store, key } = corner();
        const room = 10_000 - key("").length;
        const names = [1, 1_870, 1_871, 1_872, 1_900, 5_000, room].map((length) => "k".repeat(length));
        names.push("k".repeat(4_000) + "a", "k".repeat(4_000) + "z", "j", "l");
        await corner().write((tx) => {
          for (const name of names) {
            tx.set(key(name), bytes(String(name.length)));
          }
        });
        const read = await store.transact((tx) => corner().rows(tx));
        expect(read.map(([name]) => name)).to.deep.equal([...names].sort());
        const reversed = await store.transact((tx) => corner().rows(tx, undefined, { reverse: true }));
        expect(reversed).to.deep.equal([...read].reverse());
        const last = key("k".repeat(room));
        expect(text(await store.transact((tx) => tx.get(last)))).to.equal(String(room));
      });

      it("has an empty key, before all others", async () => {
        const { store } = corner();
        const empty = new Uint8Array();
        await corner().write((tx) => {
          tx.set(empty, bytes("first"));
        });
        const first = await store.transact(async (tx) => {
          for await (const batch of tx.getRange({ begin: empty, end: Uint8Array.of(0) })) {
            return text(batch[0]?.value);
          }
          return undefined;
        });
        await corner().write((tx) => {
          tx.clear(empty);
        });
        expect(first).to.equal("first");
        expect(await store.transact((tx) => tx.get(empty))).to.equal(undefined);
      });
    });
  });
}
