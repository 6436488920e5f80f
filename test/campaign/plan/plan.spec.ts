import { createHash } from "node:crypto";
import { expect } from "chai";
import { allRows } from "../../../src/campaign/all-rows.ts";
import { createCampaign } from "../../../src/campaign/create-campaign.ts";
import type { CampaignSpec } from "../../../src/campaign/campaign.ts";
import { IdList } from "../../../src/campaign/actors/id-list.ts";
import { addActors, finishScan } from "../../../src/campaign/actors/membership.ts";
import { actorsOfCampaign, actorsOfIds, actorsOfScan } from "../../../src/campaign/plan/plan-actors.ts";
import { Estimator } from "../../../src/campaign/plan/plan-estimate.ts";
import { readPlan, savePlan } from "../../../src/campaign/plan/plan-row.ts";
import { durationAt, planCampaign, type Plan } from "../../../src/campaign/plan/plan.ts";
import { makeActorId, type ActorId } from "../../../src/formats/actor-id.ts";
import { DEFAULT_MIGRATION_OPTIONS, type MigrationContext } from "../../../src/migration/context.ts";
import { examineActor } from "../../../src/migration/examine-actor.ts";
import { migrateActor } from "../../../src/migration/migrate-actor.ts";
import { LAYOUTS } from "../../../src/migration/outcome.ts";
import { finalMetaRow } from "../../../src/migration/targets/storage/storage-head.ts";
import { storageTarget } from "../../../src/migration/targets/storage/storage-target.ts";
import type { Store } from "../../../src/store/store.ts";
import { campaignOf, TEST_SPEC } from "../../support/campaign-fleet.ts";
import { contextOn, TestClock } from "../../support/reference-attempt.ts";
import { forEachEngine, storeWith } from "../../support/stores.ts";
import { brokenActors, lifeRow, syntheticImage, testActor, v1Rows, type Row } from "../../support/v1-actors.ts";

const clock = new TestClock();

describe("a plan", () => {
  forEachEngine((makeStore) => {
    let store: Store;
    let dry: Store;

    beforeEach(async () => {
      store = await makeStore();
      dry = await makeStore({ readOnly: true });
    });

    const contextOf = (on: Store): MigrationContext => contextOn(on, clock);
    const write = async (...rows: readonly Row[]): Promise<void> => {
      for (let start = 0; start < rows.length; start += 1000) {
        await store.transact((tx) => {
          rows.slice(start, start + 1000).forEach(({ key, value }) => {
            tx.set(key, value);
          });
          return Promise.resolve();
        });
      }
    };
    const plan = (
      patch: {
        samplePercent?: number;
        actors?: Parameters<typeof planCampaign>[0];
        signal?: AbortSignal;
        on?: Store;
      } = {},
    ): Promise<Plan> => {
      let ms = 0;
      return planCampaign(patch.actors ?? actorsOfScan(dry, {}), {
        context: contextOf(patch.on ?? dry),
        migration: DEFAULT_MIGRATION_OPTIONS,
        samplePercent: patch.samplePercent ?? 100,
        concurrency: 4,
        signal: patch.signal ?? new AbortController().signal,
        clock: () => (ms += 1),
      });
    };
    const countRows = async (): Promise<number> => {
      let count = 0;
      for await (const row of allRows(store, new Uint8Array())) {
        count += row.key.length > 0 ? 1 : 0;
      }
      return count;
    };

    it("ends when it is interrupted while it looks for actors of which few are examined", async () => {
      const interruption = new AbortController();
      let found = 0;
      function* endless(): Generator<{ id: ActorId; bytes: number }> {
        for (;;) {
          found += 1;
          if (found === 500) {
            interruption.abort(new Error("interrupted"));
          }
          if (found > 1_000) {
            throw new Error("it went on");
          }
          yield { id: testActor(found).id, bytes: 0 };
        }
      }
      const planned = plan({ samplePercent: 0.01, actors: endless(), signal: interruption.signal });
      expect(await planned.catch(String)).to.equal("Error: interrupted");
    });

    it("ends with the first examination that fails, and reads nothing behind that", async () => {
      let [begun, underWay] = [0, 0];
      const failing = storeWith(dry, async (body, options) => {
        begun += 1;
        if (begun === 3) {
          throw new Error("away");
        }
        underWay += 1;
        return dry.transact(body, options).finally(() => {
          underWay -= 1;
        });
      });
      const actors = randomIds(50).map((id) => ({ id, bytes: 0 }));
      expect(await plan({ actors, on: failing }).catch(String)).to.equal("Error: away");
      expect(underWay).to.equal(0);
      const before = begun;
      await dry.transact(async (tx) => readPlan(tx, "none"));
      expect(begun).to.equal(before).and.to.be.below(10);
    });

    it("examines every fault there is as a migration would find it, small and large", async () => {
      const image = syntheticImage(5, "text");
      const cases = brokenActors(testActor(1), image);
      const signal = new AbortController().signal;
      for (const [index, { title }] of cases.entries()) {
        const actor = testActor(index + 1);
        await write(...(brokenActors(actor, image)[index]?.rows ?? []));
        for (const smallImageBytes of [DEFAULT_MIGRATION_OPTIONS.smallImageBytes, 4096]) {
          const options = { ...DEFAULT_MIGRATION_OPTIONS, smallImageBytes };
          const found = await examineActor(contextOf(dry), actor.id, options, signal);
          const outcome = await migrateActor(contextOf(store), actor.id, options, signal);
          expect([found.state, found.reason], title).to.deep.equal([outcome.state, outcome.reason]);
        }
      }
    }).timeout(60_000);

    for (const layout of LAYOUTS) {
      it(`predicts the storage and the transactions of layout ${layout} to the byte, small and large`, async () => {
        const signal = new AbortController().signal;
        for (const [n, pageCount] of [1, 64, 256, 700].entries()) {
          const actor = testActor(n + 1);
          await write(...v1Rows(actor, syntheticImage(pageCount, "random", n + 1)));
          const reports: string[] = [];
          const observed = await makeStore({
            observer: ({ label, result }) => {
              reports.push(...(result === "committed" && label !== "release" ? [label] : []));
            },
          });
          const options = { ...DEFAULT_MIGRATION_OPTIONS, layout };
          const found = await examineActor(contextOf(dry), actor.id, options, signal);
          const outcome = await migrateActor(contextOf(observed), actor.id, options, signal);
          expect(found).to.include({ state: "migrated", bytes: outcome.bytes });
          expect(reports, reports.join(" ")).to.have.length(found.transactions);
          const head = await store.transact(async (tx) => storageTarget.readHead(tx, actor.id));
          const spec = { layout, pageCount, creationTsMs: 0 };
          // The head ends in the storage used, whatever stands before it.
          const expected = finalMetaRow(spec, found.v2Bytes);
          expect(head?.length).to.equal(expected.length);
          expect(storageUsedIn(head)).to.equal(storageUsedIn(expected));
        }
      });
    }

    it("predicts all outcomes of a scan, and writes nothing", async () => {
      const image = syntheticImage(3, "text");
      await write(...[1, 2, 3].flatMap((n) => v1Rows(testActor(n), image)));
      const awake = testActor(4);
      await write(...v1Rows(awake, image), lifeRow(awake, "CONNECTABLE"));
      const broken = brokenActors(testActor(5), image).find(({ reason }) => reason === "magic_mismatch");
      await write(...(broken?.rows ?? []));
      const before = await countRows();
      const found = await plan();
      expect(await countRows()).to.equal(before);
      expect([found.actors, found.examinedActors, found.transactions]).to.deep.equal([5, 5, 5]);
      expect(found.expected.migrated).to.deep.equal({ actors: 3, bytes: 3 * image.length });
      expect(found.byReason).to.have.deep.members([
        { state: "deferred", reason: "actor_awake", actors: 1 },
        { state: "rejected", reason: "magic_mismatch", actors: 1 },
      ]);
      expect(found.v2Bytes).to.be.greaterThan(0);
    });

    it("examines the share of them that it is told to, besides 200 whatever the sample", async () => {
      const actors = randomIds(1_200).map((id) => ({ id, bytes: 0 }));
      for (const [samplePercent, least, most] of [
        [20, 350, 450],
        [80, 950, 1_050],
      ] as const) {
        const found = await plan({ samplePercent, actors });
        expect(found.examinedActors, `${samplePercent} %`).to.be.within(least, most);
      }
    });

    it("draws its sample apart from a campaign's own, which would else be examined as a whole", async () => {
      const actors = actorsOfIds(dry, new IdList(randomIds(2_000)), { samplePercent: 20 });
      const found = await plan({ samplePercent: 20, actors });
      expect(found.actors).to.be.within(350, 450);
      expect(found.examinedActors).to.be.within(215, 265);
    });

    it("examines a list once per actor, those without v1 data included, and a campaign's own actors", async () => {
      const [one, two] = [testActor(1), testActor(2)];
      await write(...v1Rows(one, syntheticImage(2, "text")));
      const found = await plan({ actors: actorsOfIds(dry, new IdList([one.id, two.id, one.id]), {}) });
      expect([found.actors, found.expected.migrated.actors, found.expected.skipped.actors]).to.deep.equal([2, 1, 1]);
      const spec: CampaignSpec = { ...TEST_SPEC, source: { kind: "list" }, order: "scan", deferLimit: 1 };
      await createCampaign(store, { name: "some", spec, settings: { window: 1 } }, { who: "test" }, 1);
      await addActors(store, "some", [two.id]);
      await finishScan(store, "some");
      const own = await plan({ actors: actorsOfCampaign(dry, await campaignOf(store, "some")) });
      expect([own.actors, own.expected.skipped.actors]).to.deep.equal([1, 1]);
      await savePlan(store, "some", own);
      expect(await store.transact(async (tx) => readPlan(tx, "some"))).to.deep.equal(own);
    });
  });

  it("expects as many actors as there are, though every share of them is rounded", () => {
    const estimator = new Estimator();
    for (let n = 0; n < 1_001; n += 1) {
      estimator.count(4096);
    }
    for (const reason of ["chunk_missing", "entry_corrupt", "too_large"] as const) {
      estimator.choose(4096);
      estimator.add(4096, { state: "rejected", reason, bytes: 4096, v2Bytes: 0, transactions: 1 }, 1);
    }
    const { expected, byReason } = estimator.estimate(1);
    expect(expected.rejected.actors).to.equal(1_001);
    expect(byReason.map(({ actors }) => actors)).to.deep.equal([334, 334, 333]);
  });

  it("is scaled from a sample by size class: counts by actors, work by bytes", () => {
    const estimator = new Estimator();
    const examination = { bytes: 0, v2Bytes: 100, transactions: 1 } as const;
    for (let n = 0; n < 1000; n += 1) {
      estimator.count(4096);
      if (n % 10 === 0) {
        estimator.choose(4096);
        const isBad = n % 40 === 0;
        const found = isBad
          ? ({ ...examination, state: "rejected", reason: "magic_mismatch" } as const)
          : ({ ...examination, state: "migrated" } as const);
        estimator.add(4096, found, 2);
      }
    }
    const large = 8 * 1024 * 1024;
    estimator.count(large);
    estimator.count(3 * large);
    estimator.choose(large);
    estimator.add(large, { bytes: large, v2Bytes: 5000, transactions: 10, state: "migrated" }, 100);
    const { expected, byReason, transactions, v2Bytes, workMs } = estimator.estimate(150);
    expect([expected.rejected.actors, expected.migrated.actors]).to.deep.equal([250, 752]);
    expect(byReason).to.deep.equal([{ state: "rejected", reason: "magic_mismatch", actors: 250 }]);
    expect(transactions).to.equal(1000 + 40);
    expect(v2Bytes).to.equal(100_000 + 20_000);
    // 2,400 ms of single examinations, of which two overlapped at any time.
    expect(workMs).to.equal(1200);
    expect(durationAt({ workMs } as Plan, 4)).to.deep.equal({ lowMs: 300, highMs: 600 });
  });
});

/** Ids that are the same at every run, and random as UUIDs are. */
function randomIds(count: number): ActorId[] {
  return Array.from({ length: count }, (_, n) =>
    makeActorId(createHash("sha256").update(String(n)).digest().subarray(0, 16), 1),
  );
}

/** FORMATS §4: `sqlite_storage_used` is the u64 before the last and the origin byte of a head. */
function storageUsedIn(head: Uint8Array | undefined): string {
  return Buffer.from(head?.subarray(-17, -9) ?? []).toString("hex");
}
