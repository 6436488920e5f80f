import { expect } from "chai";
import { actorStatePrefix } from "../../../src/formats/actor-state.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../../src/migration/context.ts";
import { examineActor, type Examination } from "../../../src/migration/examine-actor.ts";
import { LAYOUTS, type Layout } from "../../../src/migration/outcome.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import type { MemoryStore } from "../../support/memory-store.ts";
import { contextOn, describeEnding, endingOf, STAGED, TestClock } from "../../support/reference-attempt.ts";
import { u32 } from "../../support/reference.ts";
import {
  bytesOf,
  entryPrefix,
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  fileRows,
  lifeKey,
  lifeRow,
  syntheticImage,
  TAG,
  v1Rows,
  type Row,
} from "../../support/v1-actors.ts";
import {
  ACTOR,
  clearPrefix,
  expectClean,
  expectRight,
  IMAGE,
  PAGES,
  setRow,
  staged,
  storeWhere,
  type Happening,
} from "./staged-scene.ts";

for (const layout of LAYOUTS) {
  describe(`a staged attempt is deferred (${layout}), and v2 is as it was,`, () => {
    const woke: readonly (readonly [string, (store: MemoryStore) => void])[] = [
      ["the actor is placed", setRow(lifeRow(ACTOR, "RUNNER_ID"))],
      ["an envoy takes the actor", setRow(lifeRow(ACTOR, "ENVOY_KEY"))],
      ["the actor runs", setRow(lifeRow(ACTOR, "CONNECTABLE"))],
      ["the actor woke and sleeps again", setRow(lifeRow(ACTOR, "SLEEP_TS", 6n))],
      ["SLEEP_TS is gone", clearPrefix(lifeKey(ACTOR, "SLEEP_TS"))],
      [
        "the database's size changes",
        (store) => {
          store.load(entryRows(ACTOR, fileMetadataK(TAG.main), fileMetadataValue(IMAGE.length + 4096)));
        },
      ],
      ["the database's metadata goes", clearPrefix(entryPrefix(ACTOR, fileMetadataK(TAG.main)))],
      // By a runner that the engine takes for stopped: no row about the actor tells.
      ["a commit is counted in page 1", setRows(entryRows(ACTOR, fileChunkK(TAG.main, 0), countedOnce()))],
      ["a journal is begun", setRows(fileRows(ACTOR, TAG.journal, new Uint8Array(512).fill(0xd9)))],
      ["a log is begun", setRows(fileRows(ACTOR, TAG.wal, new Uint8Array(32).fill(0x37)))],
    ];
    const moments: readonly (readonly [string, Omit<Happening, "act">])[] = [
      ["before the lease", { label: "begin_stage" }],
      ["as the lease is taken", { label: "begin_stage", point: "commit" }],
      ["at the first rows", { label: "stage", nth: 1 }],
      ["at the last rows", { label: "stage", nth: 3, point: "commit" }],
      ["at the switch", { label: "finalize" }],
      ["as the switch commits", { label: "finalize", point: "commit" }],
    ];
    for (const [index, [what, act]] of woke.entries()) {
      // Each change at two moments, the first at every one: what is looked at is the same at all.
      for (const [when, moment] of index === 0 ? moments : [moments[index % 5], moments[5]].filter(isDefined)) {
        it(`when ${what} ${when}`, async () => {
          const store = storeWhere({ ...moment, act });
          const outcome = await staged(store, layout);
          expect([outcome.state, outcome.reason]).to.deep.equal(["deferred", "actor_awake"]);
          expectClean(store);
        });
      }
    }

    it("even if what it wrote since looks like broken data: that is a torn reading and no rejection", async () => {
      const wake = lifeRow(ACTOR, "RUNNER_ID");
      const breakages: ((store: MemoryStore) => void)[] = [
        clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, 550))),
        (store) => {
          store.load(entryRows(ACTOR, fileChunkK(TAG.main, PAGES), new Uint8Array(9)));
        },
        (store) => {
          store.load(entryRows(ACTOR, fileChunkK(TAG.main, 550), new Uint8Array(5000)));
        },
        clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, 0))),
        (store) => {
          store.load(entryRows(ACTOR, fileChunkK(TAG.main, 0), new Uint8Array(4096)));
        },
        freeAndDrop(550),
      ];
      for (const [index, breakage] of breakages.entries()) {
        for (const moment of [
          { label: "read_v1", nth: 1 },
          { label: "read_v1", nth: 3 },
          { label: "begin_stage" },
          { label: "stage" },
        ]) {
          const store = storeWhere({
            ...moment,
            act: (where) => {
              where.load([wake]);
              breakage(where);
            },
          });
          const ending = describeEnding(await endingOf(staged(store, layout)));
          expect(ending, `${index} ${moment.label}`).to.equal("deferred actor_awake");
          expectClean(store);
        }
      }
    });

    it("before anything is staged, where it had woken and slept again by the time the lease is taken", async () => {
      const counted = new FaultyStore(
        storeWhere({ label: "begin_stage", act: setRow(lifeRow(ACTOR, "SLEEP_TS", 6n)) }),
      );
      expect(await staged(counted, layout)).to.include({ state: "deferred", reason: "actor_awake" });
      expect(counted.commits).to.deep.equal(["begin_stage"]);
    });

    it("when the torn reading is found at any time, before the lease and under it", async () => {
      // Nine spans of reading, four at once: from the fifth on they are read when the lease is taken.
      const image = syntheticImage(1100, "text");
      const sleeping = [...v1Rows(ACTOR, image), lifeRow(ACTOR, "SLEEP_TS", 5n)];
      for (const [nth, chunk] of [
        [1, 0],
        [1, 100],
        [6, 700],
        [9, 1050],
      ] as const) {
        const store = storeWhere(
          {
            label: "read_v1",
            nth,
            act: (where) => {
              where.load([lifeRow(ACTOR, "SLEEP_TS", 6n)]);
              clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, chunk)))(where);
            },
          },
          sleeping,
        );
        const counted = new FaultyStore(store);
        const outcome = await staged(counted, layout);
        expect([outcome.state, outcome.reason], String(chunk)).to.deep.equal(["deferred", "actor_awake"]);
        expect(counted.commits.includes("discard_stage"), counted.commits.join()).to.equal(nth > 4);
        expectClean(store);
      }
    });

    // A row of the engine's about the actor that says nothing of whether it runs: the engine knows it.
    const known = { key: bytesOf(actorStatePrefix(ACTOR.id), 0x15, 20), value: new Uint8Array(19) };
    const written = entryRows(ACTOR, fileChunkK(TAG.main, 2), new Uint8Array(4096).fill(0x5a));

    it("when the engine knows it without SLEEP_TS: it could run and crash meanwhile, and no row would tell", async () => {
      const store = storeWhere(undefined, [...v1Rows(ACTOR, IMAGE), known]);
      const counted = new FaultyStore(store);
      const outcome = await staged(counted, layout);
      expect([outcome.state, outcome.reason]).to.deep.equal(["deferred", "actor_awake"]);
      expect(outcome.detail).to.contain("no SLEEP_TS");
      expect(counted.commits, "nothing is copied").to.deep.equal(["migrate_small"]);
      expectClean(store);
      const { state, reason } = await examined(store, layout);
      expect([state, reason], "as the dry run says").to.deep.equal(["deferred", "actor_awake"]);
    });

    it("when the engine comes to know it while it is copied, and it crashes again before the end", async () => {
      for (const moment of [{ label: "read_v1", nth: 2 }, { label: "stage", nth: 2 }, { label: "finalize" }]) {
        const store = storeWhere(
          {
            ...moment,
            act: (where) => {
              where.load([known, ...written]);
            },
          },
          v1Rows(ACTOR, IMAGE),
        );
        const outcome = await staged(store, layout);
        expect([outcome.state, outcome.reason], moment.label).to.deep.equal(["deferred", "actor_awake"]);
        expectClean(store);
      }
    });

    it("and migrated by the next attempt, as v1 stands then", async () => {
      const page = new Uint8Array(4096).fill(0x5a);
      const store = storeWhere({
        label: "stage",
        nth: 2,
        act: (where) => {
          where.load([lifeRow(ACTOR, "SLEEP_TS", 6n), ...entryRows(ACTOR, fileChunkK(TAG.main, 2), page)]);
        },
      });
      const clock = new TestClock();
      expect(await staged(store, layout, {}, clock)).to.include({ state: "deferred", attempts: 1 });
      expect(await staged(store, layout, {}, clock)).to.include({ state: "migrated", attempts: 2 });
      const image = Uint8Array.from(IMAGE);
      image.set(page, 2 * 4096);
      expectRight(store, layout, image);
    });
  });
}

function examined(store: MemoryStore, layout: Layout): Promise<Examination> {
  const options = { ...DEFAULT_MIGRATION_OPTIONS, ...STAGED, layout };
  return examineActor(contextOn(store, new TestClock()), ACTOR.id, options, new AbortController().signal);
}

/** Makes a page, by its chunk's index, the only leaf of the freelist, as whose it need not be there, and takes it away. */
function freeAndDrop(index: number): (store: MemoryStore) => void {
  return (store) => {
    const page1 = Uint8Array.from(IMAGE.subarray(0, 4096));
    page1.set([...u32(index), ...u32(2)], 32);
    const trunk = new Uint8Array(4096);
    trunk.set([...u32(0), ...u32(1), ...u32(index + 1)]);
    store.load(entryRows(ACTOR, fileChunkK(TAG.main, 0), page1));
    store.load(entryRows(ACTOR, fileChunkK(TAG.main, index - 1), trunk));
    clearPrefix(entryPrefix(ACTOR, fileChunkK(TAG.main, index)))(store);
  };
}

/** Page 1 with another change counter. */
function countedOnce(): Uint8Array {
  const page1 = Uint8Array.from(IMAGE.subarray(0, 4096));
  page1.set(u32(77), 24);
  return page1;
}

function setRows(rows: readonly Row[]): (store: MemoryStore) => void {
  return (store) => {
    store.load(rows);
  };
}

function isDefined<T>(item: T | undefined): item is T {
  return item !== undefined;
}
