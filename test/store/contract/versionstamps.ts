import { expect } from "chai";
import { InvariantError } from "../../../src/errors.ts";
import type { MakeStore } from "../../support/stores.ts";
import { bytes, errorOf, text, withCorner } from "./harness.ts";

const STAMP_BYTES = 10;
const BLANK = "##########";

/** Keys and values that the commit completes. */
export function describeVersionstamps(makeStore: MakeStore): void {
  describe("versionstamps", () => {
    withCorner(makeStore, (corner) => {
      /** Appends a row under a stamped key, and returns the stamps of all rows so far, in key order. */
      const append = async (value: string): Promise<void> => {
        const { key } = corner();
        await corner().write((tx) => {
          tx.setVersionstampedKey(key(`log/${BLANK}/x`), key("log/").length, bytes(value));
        });
      };

      it("rise in commit order, so that rows under stamped keys are a log", async () => {
        for (const value of ["1", "2", "3", "4"]) {
          await append(value);
        }
        const rows = await corner().store.transact((tx) => corner().rows(tx));
        expect(rows.map(([, value]) => value)).to.deep.equal(["1", "2", "3", "4"]);
        const names = rows.map(([name]) => name);
        expect(names.every((name) => name.startsWith("log/") && name.endsWith("/x"))).to.equal(true);
        expect(new Set(names).size).to.equal(4);
      });

      it("are unique among transactions that commit at the same time", async () => {
        await Promise.all(Array.from({ length: 50 }, (_, index) => append(String(index))));
        expect(Object.keys(await corner().contents())).to.have.length(50);
      });

      it("are the same in all rows of one transaction, in keys and in values", async () => {
        const { key } = corner();
        await corner().write((tx) => {
          tx.setVersionstampedKey(key(`k/${BLANK}`), key("k/").length, bytes("row"));
          tx.setVersionstampedValue(key("v"), bytes(`before${BLANK}after`), 6);
          tx.setVersionstampedValue(key("w"), bytes(BLANK), 0);
        });
        const contents = await corner().contents();
        const stamp = contents["w"];
        expect(stamp).to.have.length(STAMP_BYTES);
        expect(stamp).to.not.equal(BLANK);
        expect(contents).to.deep.equal({ [`k/${String(stamp)}`]: "row", v: `before${String(stamp)}after`, w: stamp });
      });

      it("differ between transactions", async () => {
        const { store, key } = corner();
        const stamps: (string | undefined)[] = [];
        for (let round = 0; round < 3; round++) {
          await corner().write((tx) => {
            tx.setVersionstampedValue(key("v"), bytes(BLANK), 0);
          });
          stamps.push(text(await store.transact((tx) => tx.get(key("v")))));
        }
        expect(stamps).to.deep.equal([...stamps].sort());
        expect(new Set(stamps).size).to.equal(3);
      });

      it("cannot be read before the commit", async () => {
        const { store, key } = corner();
        const byKey = store.transact((tx) => {
          tx.setVersionstampedValue(key("v"), bytes(BLANK), 0);
          return tx.get(key("v"));
        });
        expect(await errorOf(byKey)).to.be.instanceOf(InvariantError);
        const byRange = store.transact((tx) => {
          tx.setVersionstampedKey(key(`k/${BLANK}`), key("k/").length, bytes("row"));
          return corner().rows(tx);
        });
        expect(await errorOf(byRange)).to.be.instanceOf(InvariantError);
      });

      it("keep nothing else from being read before the commit", async () => {
        const { key } = corner();
        await corner().put({ a: "1", z: "2" });
        const around = await corner().store.transact(async (tx) => {
          tx.setVersionstampedKey(key(`k/${BLANK}`), key("k/").length, bytes("row"));
          tx.setVersionstampedValue(key("v"), bytes(BLANK), 0);
          return Promise.all(["a", "j", "l", "u", "w", "z"].map(async (name) => text(await tx.get(key(name)))));
        });
        expect(around).to.deep.equal(["1", undefined, undefined, undefined, undefined, "2"]);
      });

      it("must lie within the bytes they complete", async () => {
        const { key } = corner();
        const stamped = key(BLANK);
        for (const offset of [-1, 1, 0.5]) {
          const inValue = corner().write((tx) => {
            tx.setVersionstampedValue(key("v"), bytes(BLANK), offset);
          });
          expect(await errorOf(inValue)).to.be.instanceOf(InvariantError);
          const inKey = corner().write((tx) => {
            tx.setVersionstampedKey(stamped, offset < 0 ? offset : stamped.length - STAMP_BYTES + offset, bytes("row"));
          });
          expect(await errorOf(inKey)).to.be.instanceOf(InvariantError);
        }
      });
    });
  });
}
