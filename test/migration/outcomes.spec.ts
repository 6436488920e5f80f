import { expect } from "chai";
import type { MigrationOptions } from "../../src/migration/context.ts";
import { rollbackActor } from "../../src/migration/rollback-actor.ts";
import { verifyActor } from "../../src/migration/verify-actor.ts";
import type { Store } from "../../src/store/store.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import {
  attempt,
  contextOn,
  dumpRows,
  endingOf,
  describeEnding,
  forEachStore,
  loadRows,
  STAGED,
  TestClock,
  withoutLedger,
} from "../support/reference-attempt.ts";
import {
  encodeReferenceHead,
  expectedOfV1,
  leaseRows,
  logicalKey,
  physicalRows,
  readV2,
  sha256,
  v2RowsOf,
  type ReferenceHead,
} from "../support/reference.ts";
import {
  brokenActors,
  bytesOf,
  entryPrefix,
  entryRows,
  fileChunkK,
  fileMetadataK,
  fileMetadataValue,
  fileRows,
  kvSubspace,
  lifeRow,
  startsWith,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
  type Row,
} from "../support/v1-actors.ts";

const ACTOR = testActor(11);
const IMAGE = syntheticImage(5, "random");
const GOOD = v1Rows(ACTOR, IMAGE);
const AWAKE = lifeRow(ACTOR, "RUNNER_ID");
const JOURNAL = fileRows(ACTOR, TAG.journal, new Uint8Array(512));

const HEAD: ReferenceHead = {
  generation: 1n,
  headTxid: 1n,
  nextTxid: 2n,
  materializedTxid: 0n,
  pages: 0,
  creationTsMs: 1_713_456_789_000n,
  storageUsed: 109n,
  maxStorage: 10n * 1024n ** 3n,
  origin: 1,
};

function metaRow(head: Partial<ReferenceHead>): Row {
  const [row] = physicalRows(logicalKey(ACTOR, "/META"), encodeReferenceHead({ ...HEAD, ...head }));
  return row ?? expect.fail("a META row is one row");
}

/** The engine's own stage, begun at the clock's time and still young. */
function engineStage(clock: TestClock, ageMs = 0): Row[] {
  const creationTsMs = BigInt(clock.nowMs - ageMs);
  return [
    metaRow({ headTxid: 0n, origin: 2, creationTsMs }),
    ...physicalRows(
      logicalKey(ACTOR, "/DELTA/", new Uint8Array(7), Uint8Array.of(1), "/\0\0\0\0"),
      Uint8Array.of(1, 2),
    ),
  ];
}

/** The ways to go: in one transaction, and staged. */
const WAYS: readonly (readonly [string, Partial<MigrationOptions>])[] = [
  ["in one transaction", {}],
  ["staged", STAGED],
];

async function clearRows(store: Store, rows: readonly Row[]): Promise<void> {
  await store.transact(async (tx) => {
    rows.forEach(({ key }) => {
      tx.clear(key);
    });
    await Promise.resolve();
  });
}

/** Migrates and checks that nothing but the ledger was written. */
async function expectUntouched(
  store: Store,
  rows: readonly Row[],
  options: Partial<MigrationOptions> = {},
  clock = new TestClock(),
): Promise<string> {
  await loadRows(store, rows);
  const before = withoutLedger(await dumpRows(store));
  const ending = await endingOf(attempt(store, ACTOR, clock, options));
  expect(withoutLedger(await dumpRows(store))).to.deep.equal(before);
  return describeEnding(ending);
}

forEachStore((makeStore) => {
  for (const [way, options] of WAYS) {
    describe(`an actor that is not to be migrated (${way})`, () => {
      for (const { title, reason, rows } of brokenActors(ACTOR, IMAGE)) {
        it(`is rejected with ${reason}: ${title}`, async () => {
          expect(expectedOfV1(ACTOR, rows)).to.deep.equal({ kind: "rejected", reasons: [reason] });
          expect(await expectUntouched(await makeStore(), rows, options)).to.equal(`rejected ${reason}`);
        });
      }

      it("is skipped without v1 data, whatever else there is in its key-value space", async () => {
        const other = [
          ...entryRows(ACTOR, Uint8Array.of(7, 1), new Uint8Array(20_000)),
          ...entryRows(ACTOR, Uint8Array.of(9), new Uint8Array(3)),
          { key: bytesOf(kvSubspace(ACTOR), 0x15, 4), value: new Uint8Array(1) },
        ];
        expect(await expectUntouched(await makeStore(), other, options)).to.equal("skipped no_v1_data");
        expect(await expectUntouched(await makeStore(), [AWAKE, metaRow({})], options)).to.equal("skipped no_v1_data");
      });

      it("is skipped when v2 has it already, native or migrated, even if it is awake and its v1 data broken", async () => {
        for (const [origin, reason] of [
          [0, "native_v2"],
          [1, "already_migrated"],
        ] as const) {
          const store = await makeStore();
          const rows = [...GOOD, ...JOURNAL, AWAKE, metaRow({ origin })];
          expect(await expectUntouched(store, rows, options)).to.equal(`skipped ${reason}`);
        }
      });

      it("is skipped with the legacy head, which means native", async () => {
        const { key, value } = metaRow({});
        const legacy = { key, value: value.slice(0, -1) };
        expect(await expectUntouched(await makeStore(), [...GOOD, legacy], options)).to.equal("skipped native_v2");
      });

      it("is rejected when its v2 head cannot be read, before anything else about it is asked", async () => {
        const { key, value } = metaRow({});
        const cut = value.slice(0, -2);
        const origin3 = metaRow({ origin: 3 }).value;
        const split = bytesOf(1, 0, 0, 0, 73, 0, 0, 0, 1);
        for (const bad of [cut, origin3, split, new Uint8Array(0), Uint8Array.of(0), Uint8Array.of(9, 9)]) {
          const rows = [...GOOD, ...JOURNAL, AWAKE, { key, value: bad }];
          expect(await expectUntouched(await makeStore(), rows, options)).to.equal("rejected v2_meta_undecodable");
        }
      });

      it("is deferred while it is awake, by any of the three rows, before its data is judged", async () => {
        for (const word of ["CONNECTABLE", "RUNNER_ID", "ENVOY_KEY"] as const) {
          const rows = [...GOOD, ...JOURNAL, lifeRow(ACTOR, word), lifeRow(ACTOR, "SLEEP_TS")];
          expect(await expectUntouched(await makeStore(), rows, options)).to.equal("deferred actor_awake");
        }
      });

      it("is deferred while the engine's own stage is younger than a minute, before it is asked whether it is awake", async () => {
        for (const ageMs of [0, 59_900]) {
          const clock = new TestClock();
          const rows = [...GOOD, AWAKE, ...engineStage(clock, ageMs)];
          const ending = await expectUntouched(await makeStore(), rows, options, clock);
          expect(ending, String(ageMs)).to.equal("deferred migration_in_progress");
        }
      });

      it("is rejected for its data under an old stage of the engine's, which stays", async () => {
        const clock = new TestClock();
        const rows = [...GOOD, ...engineStage(clock, 60_000), ...entryRows(ACTOR, fileChunkK(0, 9), IMAGE.slice(0, 9))];
        const ending = await expectUntouched(await makeStore(), rows, options, clock);
        expect(ending).to.equal("rejected chunk_unexpected");
      });
    });

    describe(`an actor that Ferry migrated, and of which v2 has nothing any more (${way})`, () => {
      const lost = async (store: Store): Promise<void> => clearRows(store, v2RowsOf(ACTOR, await dumpRows(store)));

      it("is migrated again as v1 has it, and that is said", async () => {
        const store = await makeStore();
        const clock = new TestClock();
        await loadRows(store, GOOD);
        const first = await attempt(store, ACTOR, clock, options);
        expect(first).to.include({ state: "migrated" }).and.not.to.have.property("detail");
        for (const rest of [[], [metaRow({ headTxid: 0n, nextTxid: 1n, origin: 2 })]]) {
          await lost(store);
          await loadRows(store, rest);
          const again = await attempt(store, ACTOR, clock, options);
          expect(again).to.include({ state: "migrated", sha256: sha256(IMAGE) });
          expect(again.detail).to.match(/^Ferry had migrated the actor before, and v2 held nothing of that any more/);
        }
      });

      it("is told to be lost until it is migrated again, whatever attempts come to in between", async () => {
        const store = await makeStore();
        const clock = new TestClock();
        await loadRows(store, GOOD);
        await attempt(store, ACTOR, clock, options);
        await lost(store);
        const verified = async (): Promise<string> =>
          (await verifyActor(contextOn(store, clock), ACTOR.id, "quick", new AbortController().signal)).comparison;
        const waking = new FaultyStore(store, options === STAGED ? 2 : 1, () => loadRows(store, [AWAKE]));
        expect(await attempt(waking, ACTOR, clock, options)).to.include({ reason: "actor_awake", isGone: true });
        await clearRows(store, [AWAKE]);
        for (const [rows, reason] of [
          [[AWAKE], "actor_awake"],
          [JOURNAL, "journal_present"],
        ] as const) {
          expect(await verified()).to.equal("no_v2_image");
          await loadRows(store, rows);
          expect(await attempt(store, ACTOR, clock, options)).to.include({ reason, isGone: true });
          await clearRows(store, rows);
        }
        expect(await verified()).to.equal("no_v2_image");
        const again = await attempt(store, ACTOR, clock, options);
        expect(again).to.include({ state: "migrated" }).and.not.to.have.property("isGone");
        expect(again.detail).to.match(/^Ferry had migrated the actor before, and v2 held nothing of that any more/);
      });

      it("is migrated again without a word where an operator took it back", async () => {
        const store = await makeStore();
        const clock = new TestClock();
        await loadRows(store, GOOD);
        await attempt(store, ACTOR, clock, options);
        await rollbackActor(contextOn(store, clock), ACTOR.id, { dryRun: false }, new AbortController().signal);
        const again = await attempt(store, ACTOR, clock, { ...options, rolledBack: "migrate" });
        expect(again).to.include({ state: "migrated" }).and.not.to.have.property("detail");
      });
    });

    describe(`an actor that is to be migrated (${way})`, () => {
      const migrates = async (rows: readonly Row[], clock = new TestClock()): Promise<void> => {
        const store = await makeStore();
        await loadRows(store, rows);
        const outcome = await attempt(store, ACTOR, clock, options);
        expect(outcome.state, outcome.detail).to.equal("migrated");
        const dump = await dumpRows(store);
        expect(sha256(readV2(ACTOR, dump).image)).to.equal(sha256(IMAGE));
        expect(leaseRows(dump)).to.deep.equal([]);
        expect(outcome).to.include({ pages: 5, bytes: IMAGE.length, sha256: sha256(IMAGE), attempts: 1 });
      };

      it("may have SLEEP_TS and DESTROY_TS", async () => {
        await migrates([...GOOD, lifeRow(ACTOR, "SLEEP_TS"), lifeRow(ACTOR, "DESTROY_TS")]);
      });

      it("may have sidecars of size zero: metadata without chunks", async () => {
        const sidecars = [TAG.journal, TAG.wal, TAG.shm].flatMap((tag) => fileRows(ACTOR, tag, new Uint8Array(0)));
        await migrates([...GOOD, ...sidecars]);
      });

      it("may have entries of no file that the VFS knows", async () => {
        const unknown = [Uint8Array.of(8), Uint8Array.of(8, 2, 1, 0, 0, 0, 0, 0), fileChunkK(9, 0)];
        await migrates([...GOOD, ...unknown.flatMap((k) => entryRows(ACTOR, k, new Uint8Array(5000)))]);
      });

      it("may have an old stage of the engine's, or a stage without txid, whose rows go", async () => {
        const clock = new TestClock();
        await migrates([...GOOD, ...engineStage(clock, 60_000)], clock);
        await migrates([...GOOD, metaRow({ headTxid: 0n, nextTxid: 1n, origin: 2, creationTsMs: 9n ** 15n })]);
      });

      it("may have v2 rows of every kind without a head, which go", async () => {
        const stray = [
          ["/DELTA/", new Uint8Array(8), "/", new Uint8Array(4)],
          ["/PIDX/delta/", new Uint8Array(4).fill(255)],
          ["/SHARD/", Uint8Array.of(0, 0, 0, 9)],
        ] as const;
        const rows = stray.flatMap((suffix) => physicalRows(logicalKey(ACTOR, ...suffix), new Uint8Array(100_000)));
        await migrates([...GOOD, ...rows]);
      });

      it("leaves every other actor's rows alone", async () => {
        const store = await makeStore();
        const other = testActor(12);
        const [head] = physicalRows(logicalKey(other, "/META"), encodeReferenceHead(HEAD));
        const foreign = [
          ...v1Rows(other, IMAGE),
          lifeRow(other, "CONNECTABLE"),
          ...(head === undefined ? [] : [head]),
          ...physicalRows(logicalKey(other, "/SHARD/\0\0\0\0"), new Uint8Array(150_000)),
        ];
        await loadRows(store, [...GOOD, ...foreign]);
        await attempt(store, ACTOR, new TestClock(), options);
        const dump = new Set(withoutLedger(await dumpRows(store)));
        expect(withoutLedger(foreign).filter((row) => !dump.has(row))).to.deep.equal([]);
      });

      it("keeps its v1 rows byte for byte", async () => {
        const store = await makeStore();
        await loadRows(store, GOOD);
        await attempt(store, ACTOR, new TestClock(), options);
        const dump = new Set(withoutLedger(await dumpRows(store)));
        expect(withoutLedger(GOOD).filter((row) => !dump.has(row))).to.deep.equal([]);
      });
    });
  }
});

describe("the order of checks", () => {
  /** Each fault with the reason it has alone; in this order when several are there at once. */
  const withMeta = (value: Uint8Array): Row[] => entryRows(ACTOR, fileMetadataK(TAG.main), value);
  const FAULTS: readonly (readonly [string, readonly Row[]])[] = [
    ["deferred actor_awake", [AWAKE]],
    ["rejected journal_present", JOURNAL],
    ["rejected wal_present", fileRows(ACTOR, TAG.wal, new Uint8Array(40))],
    ["rejected shm_present", fileRows(ACTOR, TAG.shm, new Uint8Array(32_768))],
    ["rejected meta_invalid", withMeta(new Uint8Array(3))],
    ["rejected chunk_missing", []],
  ];

  for (const [way, options] of WAYS) {
    for (let first = 0; first < FAULTS.length; first += 1) {
      const expected = FAULTS[first]?.[0] ?? "";
      it(`says ${expected} before all that follow (${way})`, async () => {
        // The header is wrong in every case, and page 2 missing: what is left when nothing else is.
        const rows = [
          ...withMeta(fileMetadataValue(3 * 4096)),
          ...entryRows(ACTOR, fileChunkK(0, 0), new Uint8Array(4096)),
          ...entryRows(ACTOR, fileChunkK(0, 2), new Uint8Array(4096)),
          ...FAULTS.slice(first).flatMap(([, fault]) => fault),
        ];
        expect(await expectUntouched(new MemoryStore(), rows, options)).to.equal(expected);
      });
    }
  }
});

describe("a bad header", () => {
  it("is not said before a chunk that is missing far behind it", async () => {
    const rows = v1Rows(ACTOR, syntheticImage(600, "zeros").fill(0, 0, 100));
    const without = (index: number): Row[] =>
      rows.filter(({ key }) => !startsWith(key, entryPrefix(ACTOR, fileChunkK(TAG.main, index))));
    expect(await expectUntouched(new MemoryStore(), rows)).to.equal("rejected magic_mismatch");
    for (const index of [1, 300, 599]) {
      expect(await expectUntouched(new MemoryStore(), without(index)), String(index)).to.equal(
        "rejected chunk_missing",
      );
    }
  });
});

describe("the configured limit", () => {
  for (const [way, options] of WAYS) {
    it(`rejects what is one page larger and takes what fits exactly (${way})`, async () => {
      const over = { ...options, maxImageBytes: IMAGE.length - 4096 };
      expect(await expectUntouched(new MemoryStore(), GOOD, over)).to.equal("rejected too_large");
      const store = new MemoryStore();
      store.load(GOOD);
      const outcome = await attempt(store, ACTOR, new TestClock(), { ...options, maxImageBytes: IMAGE.length });
      expect(outcome.state).to.equal("migrated");
    });
  }
});

describe("a rejection's detail", () => {
  it("is a sentence with numbers and names its runbook", async () => {
    for (const { reason, rows } of brokenActors(ACTOR, IMAGE)) {
      const store = new MemoryStore();
      store.load(rows);
      const { detail } = await attempt(store, ACTOR, new TestClock());
      expect(detail).to.match(/^[A-Z].*[.)]( \(.*\))? See docs\/runbooks\//);
      expect(detail).to.contain(`See docs/runbooks/${reason}.md.`);
      expect(detail).not.to.contain("[object");
    }
  });
});
