import { expect } from "chai";
import type { MigrationOptions } from "../../../src/migration/context.ts";
import { LAYOUTS } from "../../../src/migration/outcome.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { describeEnding, endingOf, errorCode, TestClock, withoutLedger } from "../../support/reference-attempt.ts";
import { ReferenceEngine } from "../../support/reference-engine.ts";
import { firstDifference, leaseRows, readV2, referenceHead, v2RowsOf } from "../../support/reference.ts";
import { bytesOf, type Row } from "../../support/v1-actors.ts";
import {
  ACTOR,
  clearPrefix,
  expectRight,
  expire,
  IMAGE,
  LEASE,
  META,
  setRow,
  SLEEPING,
  staged,
  storeWhere,
  type Happening,
} from "./staged-scene.ts";

for (const layout of LAYOUTS) {
  describe(`a staged attempt ends with an error and writes nothing more (${layout})`, () => {
    const lost = async (happening: Happening, options: Partial<MigrationOptions> = {}): Promise<string> => {
      let left: Row[] = [];
      const store = storeWhere({
        ...happening,
        act: async (where) => {
          await happening.act(where);
          left = v2RowsOf(ACTOR, where.dump());
        },
      });
      const codes: string[] = [];
      const context = { observer: { enter: () => undefined, fenceLost: (code: string) => void codes.push(code) } };
      const code = await errorCode(staged(store, layout, { ...options, context }));
      expect(codes).to.deep.equal([code]);
      // Not even what was under way and would have committed next.
      expect(withoutLedger(v2RowsOf(ACTOR, store.dump()))).to.deep.equal(withoutLedger(left));
      expect(store.openTransactions).to.equal(0);
      return code;
    };
    const foreignMeta = setRow({ key: META, value: bytesOf(0, new Uint8Array(73).fill(1)) });
    const foreignLease = setRow({ key: bytesOf(LEASE, 2, ACTOR.id, 0), value: new Uint8Array(50) });

    for (const verify of [true, false]) {
      const how = verify ? "with verification" : "without";
      for (const label of ["stage", "finalize"]) {
        for (const point of ["begin", "commit"] as const) {
          it(`when META changes before a ${label} (${point}, ${how})`, async () => {
            expect(await lost({ label, point, act: foreignMeta }, { verify })).to.equal("meta_changed");
          });

          it(`when META is removed before a ${label} (${point}, ${how})`, async () => {
            expect(await lost({ label, point, act: clearPrefix(META) }, { verify })).to.equal("meta_changed");
          });

          it(`when the lease is another's before a ${label} (${point}, ${how})`, async () => {
            expect(await lost({ label, point, act: foreignLease }, { verify })).to.equal("lease_lost");
          });

          it(`when the lease is removed before a ${label} (${point}, ${how})`, async () => {
            expect(await lost({ label, point, act: clearPrefix(LEASE) }, { verify })).to.equal("lease_lost");
          });
        }
      }

      for (const [label, nth] of [
        ["stage", 1],
        ["stage", 3],
        ["finalize", 1],
      ] as const) {
        it(`when the engine throws the stage away before ${label} ${nth} (${how})`, async () => {
          const store = storeWhere({
            label,
            nth,
            act: (where) => {
              const begin = META.slice(0, -4);
              const pieces = bytesOf(META.subarray(0, 19), 3, META.subarray(19, -4));
              where.load(
                [],
                [begin, pieces].map((prefix) => ({ begin: prefix, end: bytesOf(prefix, 0xff) })),
              );
            },
          });
          expect(await errorCode(staged(store, layout, { verify }))).to.equal("meta_changed");
          expect(v2RowsOf(ACTOR, store.dump())).to.deep.equal([]);
        });

        it(`when the engine migrates the actor before ${label} ${nth} (${how})`, async () => {
          const clock = new TestClock();
          const store = storeWhere({
            label,
            nth,
            act: async (where) => {
              const engine = new ReferenceEngine(where, ACTOR, clock.now);
              await engine.wake();
              expect(await engine.migrate()).to.equal("migrated");
              await engine.sleep();
            },
          });
          expect(await errorCode(staged(store, layout, { verify }, clock))).to.equal("meta_changed");
          expect(firstDifference(readV2(ACTOR, store.dump()).image, IMAGE)).to.equal(undefined);
          // The next attempt tidies up after the one that lost.
          expect(await staged(store, layout, {}, clock)).to.include({ state: "skipped", reason: "already_migrated" });
          expect(leaseRows(store.dump())).to.deep.equal([]);
          expect(firstDifference(readV2(ACTOR, store.dump()).image, IMAGE)).to.equal(undefined);
        });
      }
    }

    it("when the engine throws the stage away and begins one of its own within the same millisecond", async () => {
      const clock = new TestClock();
      let mine = 0n;
      const store = storeWhere({
        label: "stage",
        nth: 3,
        act: async (where) => {
          const meta = where.dump().find(({ key }) => Buffer.compare(key, META) === 0);
          mine = referenceHead(meta?.value.subarray(1) ?? META).creationTsMs;
          const engine = new ReferenceEngine(where, ACTOR, () => Number(mine));
          await engine.beginStage();
        },
      });
      expect(await errorCode(staged(store, layout, {}, clock))).to.equal("meta_changed");
      const rows = v2RowsOf(ACTOR, store.dump());
      expect(rows).to.have.lengthOf(1);
      expect(referenceHead(rows[0]?.value.subarray(1) ?? META)).to.include({ origin: 2, creationTsMs: mine });
    });

    for (const point of ["begin", "commit"] as const) {
      it(`when another attempt takes the lease and dies before a stage (${point})`, async () => {
        const clock = new TestClock();
        const takes = async (where: MemoryStore): Promise<void> => {
          expire(where);
          const other = new FaultyStore(where, 1, "cut_after");
          await endingOf(staged(other, layout, {}, clock));
        };
        expect(await lost({ label: "stage", nth: 3, point, act: takes })).to.equal("lease_lost");
      });
    }

    it("when the lease is another's by the time a void stage is cleared away, and leaves the other what it has", async () => {
      const other = { key: bytesOf(LEASE, 2, ACTOR.id, 0), value: new Uint8Array(50) };
      let left: string[] = [];
      const store: MemoryStore = new MemoryStore({
        from: SLEEPING,
        gate: async (point, label) => {
          if (label === "read_v2" && point === "begin") {
            const [row] = v2RowsOf(ACTOR, store.dump()).filter(({ key }) => Buffer.compare(key, META) !== 0);
            clearPrefix(row?.key ?? META)(store);
          }
          if (label === "clear_stage" && point === "begin") {
            store.load([other]);
            left = withoutLedger(store.dump());
          }
          await Promise.resolve();
        },
      });
      expect(await errorCode(staged(store, layout))).to.equal("stage_gone");
      expect(left).to.not.deep.equal([]);
      expect(withoutLedger(store.dump())).to.deep.equal(left);
    });

    it("when the first row of the stage has gone by the time it is read back", async () => {
      const store = storeWhere({
        label: "read_v2",
        act: (where) => {
          const [row] = v2RowsOf(ACTOR, where.dump()).filter(({ key }) => Buffer.compare(key, META) !== 0);
          clearPrefix(row?.key ?? META)(where);
        },
      });
      const ending = await endingOf(staged(store, layout));
      expect(describeEnding(ending)).to.equal("stage_gone");
      expect(describeEnding(await endingOf(staged(store, layout)))).to.equal("migrated");
      expectRight(store, layout);
    });
  });
}
