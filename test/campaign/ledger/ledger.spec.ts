import { expect } from "chai";
import { ledger, listOutcomes, readHistory, readOutcome, readOutcomes } from "../../../src/campaign/ledger/ledger.ts";
import { FormatError } from "../../../src/formats/format-error.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import type { Store } from "../../../src/store/store.ts";
import { dumpRows, forEachStore } from "../../support/reference-attempt.ts";
import { bytesOf, startsWith, testActor, type TestActor } from "../../support/v1-actors.ts";

const FERRY = bytesOf(2, "ferry", 0);

function outcome(actor: TestActor, more: Partial<Outcome> = {}): Outcome {
  return { actorId: actor.id, state: "migrated", attempts: 1, finishedAt: "2026-04-01T00:00:00.000Z", ...more };
}

/** Records outcomes as migrations do, each in a transaction of its own. */
async function record(store: Store, ...outcomes: Outcome[]): Promise<void> {
  for (const next of outcomes) {
    await store.transact(async (tx) => {
      ledger.write(tx, next, await ledger.read(tx, next.actorId));
    });
  }
}

async function keysUnder(store: Store, name: string): Promise<string[]> {
  const prefix = bytesOf(FERRY, 2, name, 0);
  const rows = (await dumpRows(store)).filter(({ key }) => startsWith(key, prefix));
  return rows.map(({ key }) => Buffer.from(key.subarray(prefix.length)).toString("latin1"));
}

async function collect(outcomes: AsyncIterable<Outcome>): Promise<Outcome[]> {
  const all: Outcome[] = [];
  for await (const one of outcomes) {
    all.push(one);
  }
  return all;
}

forEachStore((makeStore) => {
  describe("the ledger of outcomes", () => {
    it("gives back what was recorded, field by field, and nothing for others", async () => {
      const store = await makeStore();
      const actor = testActor(1);
      const full = outcome(actor, {
        state: "rejected",
        reason: "chunk_missing",
        detail: 'Umlauts äöü, "quotes" and \u0000 zeros.',
        pages: 3,
        bytes: 12_288,
        sha256: "00ff",
        layout: "shards",
        attempts: 7,
        campaign: "spring",
      });
      await record(store, full);
      expect(await readOutcome(store, actor.id)).to.deep.equal(full);
      expect(await readOutcome(store, testActor(2).id)).to.equal(undefined);
      expect([...(await readOutcomes(store, [testActor(2).id, actor.id]))]).to.deep.equal([[actor.id, full]]);
    });

    it("finds outcomes of many actors, whoever else's lie between them, and none that were not asked for", async () => {
      const store = await makeStore();
      const all = Array.from({ length: 400 }, (_, n) => testActor(n)).toSorted((a, b) => (a.id < b.id ? -1 : 1));
      await store.transact((tx) => {
        for (const actor of all) {
          ledger.write(tx, outcome(actor), undefined);
        }
        return Promise.resolve();
      });
      const idsOf = async (actors: readonly TestActor[]): Promise<string[]> => {
        const asked = actors.map(({ id }) => id).toReversed();
        return [...(await readOutcomes(store, asked)).keys()].toSorted();
      };
      for (const actors of [
        all,
        all.slice(0, 250),
        all.filter((_, n) => n % 3 === 0),
        all.filter((_, n) => n < 90 || n === 399),
        all.filter((_, n) => n === 0 || n === 399),
        [],
      ]) {
        expect(await idsOf(actors)).to.deep.equal(actors.map(({ id }) => id));
      }
      const strangers = Array.from({ length: 40 }, (_, n) => testActor(1_000 + n));
      expect(await idsOf([...strangers, ...all.slice(50, 60)])).to.deep.equal(all.slice(50, 60).map(({ id }) => id));
    });

    it("keeps its rows under its own prefix, and one index row per actor whatever it went through", async () => {
      const store = await makeStore();
      const actor = testActor(1);
      const times = ["2026-04-01T00:00:00.000Z", "2026-04-02T00:00:00.000Z", "2026-04-03T00:00:00.000Z"];
      await record(store, outcome(actor, { state: "deferred", reason: "actor_awake", finishedAt: times[0] ?? "" }));
      expect(await keysUnder(store, "by_state")).to.deep.equal([`\x02deferred\0\x02actor_awake\0\x02${actor.id}\0`]);
      await record(store, outcome(actor, { state: "rejected", reason: "meta_missing", finishedAt: times[1] ?? "" }));
      expect(await keysUnder(store, "by_state")).to.deep.equal([`\x02rejected\0\x02meta_missing\0\x02${actor.id}\0`]);
      await record(store, outcome(actor, { finishedAt: times[2] ?? "" }));
      expect(await keysUnder(store, "by_state")).to.deep.equal([`\x02migrated\0\x02\0\x02${actor.id}\0`]);
      expect(await keysUnder(store, "outcome")).to.deep.equal([`\x02${actor.id}\0`]);
      expect((await dumpRows(store)).every(({ key }) => startsWith(key, FERRY))).to.equal(true);
    });

    it("keeps earlier findings but not deferrals, oldest first", async () => {
      const store = await makeStore();
      const actor = testActor(1);
      const states = ["deferred", "rejected", "deferred", "skipped", "migrated"] as const;
      await record(
        store,
        ...states.map((state, day) =>
          outcome(actor, { state, attempts: day + 1, finishedAt: `2026-04-0${day + 1}T00:00:00.000Z` }),
        ),
      );
      const history = await readHistory(store, actor.id);
      expect(history.map(({ state, attempts }) => [state, attempts])).to.deep.equal([
        ["rejected", 2],
        ["skipped", 4],
      ]);
      expect(await readHistory(store, testActor(2).id)).to.deep.equal([]);
    });

    it("records the same finding twice as once, as after a commit whose result was unknown", async () => {
      const store = await makeStore();
      const actor = testActor(1);
      const rejected = outcome(actor, { state: "rejected", reason: "meta_missing" });
      await record(store, rejected);
      const before = await dumpRows(store);
      await record(store, rejected);
      expect(await dumpRows(store)).to.deep.equal(before);
      expect(await readHistory(store, actor.id)).to.deep.equal([]);
    });

    it("lists all, by state, and by state and reason, each actor once, across many transactions", async () => {
      const store = await makeStore();
      const actors = Array.from({ length: 2_100 }, (_, index) => testActor(index));
      const kinds = [
        { state: "migrated" },
        { state: "rejected", reason: "chunk_missing" },
        { state: "rejected", reason: "meta_missing" },
      ] as const;
      await store.transact(async (tx) => {
        for (const [index, actor] of actors.entries()) {
          ledger.write(tx, outcome(actor, kinds[index % 3]), undefined);
        }
        await Promise.resolve();
      });
      const ids = (chosen: number[]): string[] =>
        actors
          .filter((_, index) => chosen.includes(index % 3))
          .map(({ id }) => id)
          .sort();
      const listed = async (filter: Parameters<typeof listOutcomes>[1]): Promise<string[]> =>
        (await collect(listOutcomes(store, filter))).map(({ actorId }) => actorId).sort();
      const inOrder = (await collect(listOutcomes(store))).map(({ actorId }) => actorId as string);
      expect(inOrder).to.deep.equal(ids([0, 1, 2]));
      expect(await listed({ state: "migrated" })).to.deep.equal(ids([0]));
      expect(await listed({ state: "rejected" })).to.deep.equal(ids([1, 2]));
      expect(await listed({ state: "rejected", reason: "meta_missing" })).to.deep.equal(ids([2]));
      expect(await listed({ reason: "chunk_missing" })).to.deep.equal(ids([1]));
      expect(await listed({ state: "failed" })).to.deep.equal([]);
      expect(await listed({ state: "rejected", reason: "chunk" })).to.deep.equal([]);
    });

    it("conflicts between two that record on one actor, so that neither overwrites what it has not seen", async () => {
      const store = await makeStore();
      const actor = testActor(1);
      let runs = 0;
      await store.transact(async (tx) => {
        runs += 1;
        const previous = await ledger.read(tx, actor.id);
        if (runs === 1) {
          await record(store, outcome(actor, { state: "rejected", reason: "meta_missing" }));
        }
        ledger.write(tx, outcome(actor, { attempts: 2, finishedAt: "2026-04-02T00:00:00.000Z" }), previous);
      });
      expect(runs).to.equal(2);
      expect(await keysUnder(store, "by_state")).to.have.lengthOf(1);
      expect(await readHistory(store, actor.id)).to.have.lengthOf(1);
    });

    it("says which actor's row it cannot read", async () => {
      const store = await makeStore();
      const actor = testActor(1);
      for (const text of ["", "{", "7", "null", "{}", '{"state":"odd","finishedAt":""}', '{"state":"migrated"}']) {
        await store.transact(async (tx) => {
          tx.set(bytesOf(FERRY, 2, "outcome", 0, 2, actor.id, 0), Buffer.from(text));
          await Promise.resolve();
        });
        const error: unknown = await readOutcome(store, actor.id).catch((thrown: unknown) => thrown);
        expect(error, text).to.be.instanceOf(FormatError);
        expect(error, text).to.deep.include({ code: "outcome_undecodable" });
        expect((error as FormatError).details["actorId"]).to.equal(actor.id);
      }
    });
  });
});
