import { expect } from "chai";
import { UsageError } from "../../../src/errors.ts";
import { LIMITS, type ReadOptions, type Transaction } from "../../../src/store/store.ts";
import type { MakeStore } from "../../support/stores.ts";
import { bytes, errorOf, kindOf, withCorner } from "./harness.ts";

/** FoundationDB's limits, the same in every engine, and final: no attempt follows. */
export function describeLimits(makeStore: MakeStore): void {
  describe("limits", () => {
    withCorner(makeStore, (corner) => {
      const keyOf = (length: number): Uint8Array => corner().key("k".repeat(length - corner().key("").length));

      it("takes a key and a value of exactly the limit", async () => {
        const value = Buffer.alloc(LIMITS.valueBytes, 7);
        await corner().write((tx) => {
          tx.set(keyOf(LIMITS.keyBytes), value);
        });
        const read = await corner().store.transact((tx) => tx.get(keyOf(LIMITS.keyBytes)));
        expect(read !== undefined && value.equals(read)).to.equal(true);
      });

      const tooLargeKeys: readonly [string, (tx: Transaction, key: Uint8Array) => void][] = [
        ["set", (tx, key) => { tx.set(key, bytes("")); }], // prettier-ignore
        ["clear", (tx, key) => { tx.clear(key); }], // prettier-ignore
        ["clearRange", (tx, key) => { tx.clearRange({ begin: bytes("a"), end: key }); }], // prettier-ignore
        ["add", (tx, key) => { tx.add(key, 1n); }], // prettier-ignore
        ["setVersionstampedKey", (tx, key) => { tx.setVersionstampedKey(key, 20, bytes("")); }], // prettier-ignore
        ["setVersionstampedValue", (tx, key) => { tx.setVersionstampedValue(key, bytes("0123456789"), 0); }], // prettier-ignore
      ];
      for (const [name, call] of tooLargeKeys) {
        it(`refuses a longer key in ${name}`, async () => {
          const key = keyOf(LIMITS.keyBytes + 1);
          const written = corner().write((tx) => {
            call(tx, key);
          });
          expect(await kindOf(written)).to.equal("key_too_large");
        });
      }

      const tooLargeValues: readonly [string, (tx: Transaction, value: Uint8Array) => void][] = [
        ["set", (tx, value) => { tx.set(corner().key("a"), value); }], // prettier-ignore
        ["stamped key", (tx, value) => { tx.setVersionstampedKey(corner().key("0123456789"), corner().key("").length, value); }], // prettier-ignore
        ["stamped value", (tx, value) => { tx.setVersionstampedValue(corner().key("a"), value, 0); }], // prettier-ignore
      ];
      for (const [operation, write] of tooLargeValues) {
        it(`refuses a longer value: ${operation}`, async () => {
          const written = corner().write((tx) => {
            write(tx, Buffer.alloc(LIMITS.valueBytes + 1));
          });
          expect(await kindOf(written)).to.equal("value_too_large");
        });
      }

      it("refuses a transaction of more than 10,000,000 bytes, at once and without trying again", async () => {
        let runs = 0;
        const written = corner().write((tx) => {
          runs += 1;
          for (let index = 0; index <= 100; index++) {
            tx.set(corner().key(String(index)), Buffer.alloc(LIMITS.valueBytes));
          }
        });
        expect(await kindOf(written)).to.equal("too_large");
        expect(runs).to.equal(1);
        expect(await corner().contents()).to.deep.equal({});
      });

      it("counts, towards the limit, three times each key and what it takes to note a write down", async function () {
        this.timeout(20_000);
        const own = corner().key("").length;
        const write = (sets: number): Promise<void> =>
          corner().write((tx) => {
            for (let index = 0; index < sets; index++) {
              tx.set(corner().key(String(index).padStart(100 - own, "0")), Buffer.alloc(100));
            }
          });
        // The note is of 52 bytes in FoundationDB 7.1 and of 68 in 7.3.
        const setsOf = (noteBytes: number): number =>
          Math.floor(LIMITS.transactionBytes / (3 * 100 + 100 + 1 + noteBytes));
        await write(setsOf(68) - 100);
        expect(await kindOf(write(setsOf(52) + 100))).to.equal("too_large");
      });

      it("counts, towards the limit, twice each key that was read and may conflict", async () => {
        const readAndWrite = (reads: number, options: ReadOptions): Promise<void> =>
          corner().store.transact(async (tx) => {
            const keys = Array.from({ length: reads }, (_, index) => corner().key(`${index} `.padEnd(9_000, "k")));
            await Promise.all(keys.map((key) => tx.get(key, options)));
            tx.set(corner().key("a"), bytes("1"));
          });
        await readAndWrite(500, {});
        expect(await kindOf(readAndWrite(600, {}))).to.equal("too_large");
        await readAndWrite(600, { snapshot: true });
      });

      it("counts what is written: keys and values of sets, keys of clears", async () => {
        const { store, key } = corner();
        const own = key("").length;
        const counted = await store.transact((tx) => {
          const counts = [tx.writtenBytes];
          tx.set(key("abc"), Buffer.alloc(1_000));
          counts.push(tx.writtenBytes);
          tx.clear(key("abc"));
          counts.push(tx.writtenBytes);
          tx.clearRange(corner().range("a", "bb"));
          counts.push(tx.writtenBytes);
          return Promise.resolve(counts);
        });
        expect(counted).to.deep.equal([0, own + 1_003, 2 * own + 1_006, 4 * own + 1_009]);
      });

      it("refuses keys that FoundationDB keeps for itself, to read and to write", async () => {
        const system = Uint8Array.of(0xff, 1);
        const uses: ((tx: Transaction) => unknown)[] = [
          (tx) => tx.get(system),
          (tx) => { tx.set(system, bytes("")); }, // prettier-ignore
          (tx) => { tx.clearRange({ begin: bytes("a"), end: system }); }, // prettier-ignore
          (tx) => corner().rows(tx, { begin: bytes("a"), end: system }),
          (tx) => { tx.addReadConflictRange({ begin: system, end: system }); }, // prettier-ignore
        ];
        for (const use of uses) {
          const refused = corner().store.transact(async (tx) => {
            await use(tx);
          });
          expect(await errorOf(refused)).to.be.instanceOf(UsageError);
        }
      });

      it("reads ranges up to FoundationDB's own keys", async () => {
        const end = Uint8Array.of(0xff);
        const rows = await corner().store.transact((tx) => corner().rows(tx, { begin: corner().key("a"), end }));
        expect(rows).to.deep.equal([]);
      });
    });
  });
}
