import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sqlite from "node-sqlite3-wasm";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { examineActor } from "../../src/migration/examine-actor.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { LAYOUTS } from "../../src/migration/outcome.ts";
import { verifyActor } from "../../src/migration/verify-actor.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import {
  attempt,
  contextOn,
  describeEnding,
  dumpRows,
  endingOf,
  forEachStore,
  loadRows,
  STAGED,
  TestClock,
  withoutLedger,
  type AttemptOptions,
} from "../support/reference-attempt.ts";
import { freelistOf } from "../support/reference-freelist.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { expectedOfV1, firstDifference, leaseRows, readMigrated, readV2, sha256 } from "../support/reference.ts";
import { forEachSeed, SEED, seedCount, Tally } from "../support/run-options.ts";
import {
  entryPrefix,
  entryRows,
  fileChunkK,
  fileRows,
  lifeRow,
  PAGE,
  startsWith,
  TAG,
  testActor,
  type Row,
} from "../support/v1-actors.ts";
import {
  goneBeforeWritten,
  holedFile,
  holedRows,
  unwrittenChunks,
  withLeavesAsHoles,
  type HoledFile,
} from "../support/v1-holes.ts";
import { sqliteImage, sqliteSamples } from "../support/v1-actors-sqlite.ts";
import { recordFileOperations, replay, type FileOperation } from "./recovery/file-trace.ts";
import { aftermath, openWithWasm } from "./recovery/sqlite-oracle.ts";

const ACTOR = testActor(37);
const WAYS = [
  ["in one transaction", {}],
  ["staged", STAGED],
] as const;

/** A few pages; and one of two trunks, whose 1,462 holes lie in six spans of the reader. */
const FEW = holedFile(goneBeforeWritten(200_000));
const MANY = holedFile(goneBeforeWritten(6_000_000));

async function migrated(file: HoledFile, options: AttemptOptions): Promise<MemoryStore> {
  const store = new MemoryStore();
  store.load(holedRows(ACTOR, file));
  const outcome = await attempt(store, ACTOR, new TestClock(), options);
  expect(outcome.state, outcome.detail).to.equal("migrated");
  expect(outcome).to.include({ bytes: file.image.length, sha256: sha256(file.image) });
  return store;
}

describe("a database whose pages SQLite did not all write", () => {
  const checker = new IntegrityChecker();
  const checked = { check: "full", context: { checkIntegrity: checker.check.bind(checker) } } as const;

  after(async () => {
    await checker.close();
  });

  it("lacks exactly leaves of its freelist, and there are many", () => {
    for (const { image, holes } of [FEW, MANY]) {
      const list = freelistOf(image);
      expect(holes.every((index) => list?.leaves.includes(index + 1) === true)).to.equal(true);
    }
    expect([FEW.holes.length, FEW.image.length / PAGE]).to.deep.equal([45, 56]);
    expect(MANY.holes.length).to.be.above(1_022);
    expect(freelistOf(MANY.image)?.trunks).to.have.length(2);
  });

  forEachStore((makeStore) => {
    for (const layout of LAYOUTS) {
      for (const [way, options] of WAYS) {
        it(`comes out byte for byte, with zeros there (${layout}, ${way})`, async () => {
          const store = await makeStore();
          await loadRows(store, holedRows(ACTOR, FEW));
          const outcome = await attempt(store, ACTOR, new TestClock(), { layout, ...options });
          expect(outcome.state, outcome.detail).to.equal("migrated");
          const { image } = readMigrated(ACTOR, await dumpRows(store), layout);
          expect(firstDifference(image, FEW.image)).to.equal(undefined);
        });
      }
    }
  });

  for (const layout of LAYOUTS) {
    it(`comes out byte for byte with more than a thousand of them, checked by SQLite (${layout})`, async () => {
      for (const options of [{}, { smallImageBytes: MANY.image.length }]) {
        const store = await migrated(MANY, { layout, ...options, ...checked });
        const { image } = readMigrated(ACTOR, store.dump(), layout);
        expect(firstDifference(image, MANY.image)).to.equal(undefined);
        expect(leaseRows(store.dump())).to.deep.equal([]);
      }
    }).timeout(30_000);
  }

  it("comes out byte for byte whatever else is in it, where none of its free leaves has a chunk", async () => {
    for (const { title, image } of sqliteSamples().filter((sample) => sample.image.length > 0)) {
      const file = withLeavesAsHoles(image);
      for (const [, options] of WAYS) {
        const store = await migrated(file, { layout: "shards", ...options });
        expect(firstDifference(readMigrated(ACTOR, store.dump(), "shards").image, file.image), title).to.equal(
          undefined,
        );
      }
    }
  }).timeout(30_000);

  it("is sound to SQLite afterwards, and the same as v1 when it is verified", async () => {
    for (const [, options] of WAYS) {
      const store = await migrated(FEW, { ...options, ...checked });
      const context = contextOn(store, new TestClock(), checked.context);
      const signal = new AbortController().signal;
      const found = await verifyActor(context, ACTOR.id, "full", signal);
      expect(found).to.include({ comparison: "same", integrity: "ok", pages: FEW.image.length / PAGE });
    }
  });

  it("is predicted by a dry run, small and large", async () => {
    for (const [, way] of WAYS) {
      const options = { ...DEFAULT_MIGRATION_OPTIONS, ...way };
      const store = new MemoryStore();
      store.load(holedRows(ACTOR, FEW));
      const signal = new AbortController().signal;
      const context = contextOn(store, new TestClock(), checked.context);
      const found = await examineActor(context, ACTOR.id, { ...options, check: "full" }, signal);
      expect(found).to.include({ state: "migrated", bytes: FEW.image.length });
      const bad = new MemoryStore();
      bad.load(withoutSome(holedRows(ACTOR, FEW), [1]));
      const refused = await examineActor(contextOn(bad, new TestClock()), ACTOR.id, options, signal);
      expect(refused).to.include({ state: "rejected", reason: "chunk_missing" });
    }
  });
});

/** The rows without some of the main file's chunks, by index. */
function withoutSome(rows: readonly Row[], indices: readonly number[]): Row[] {
  const gone = indices.map((index) => entryPrefix(ACTOR, fileChunkK(TAG.main, index)));
  return rows.filter(({ key }) => !gone.some((prefix) => startsWith(key, prefix)));
}

async function endingWith(rows: readonly Row[], options: AttemptOptions): Promise<string> {
  const store = new MemoryStore();
  store.load(rows);
  const before = withoutLedger(store.dump());
  const ending = await endingOf(attempt(store, ACTOR, new TestClock(), options));
  if (describeEnding(ending) !== "migrated") {
    expect(withoutLedger(store.dump())).to.deep.equal(before);
  }
  return "outcome" in ending && ending.outcome.reason === "chunk_missing"
    ? `chunk_missing ${/index (\d+)/.exec(ending.outcome.detail ?? "")?.[1] ?? ""}`
    : describeEnding(ending);
}

describe("a chunk that is lost beside pages that were never written", () => {
  const { trunks = [] } = freelistOf(FEW.image) ?? {};
  const [trunk = 0] = trunks;
  const [hole = 0] = FEW.holes;
  const lastHole = FEW.holes.at(-1) ?? 0;

  for (const [way, options] of WAYS) {
    it(`is named, and not the page that was never written (${way})`, async () => {
      const rows = holedRows(ACTOR, FEW);
      const used = Array.from({ length: FEW.image.length / PAGE }, (_, index) => index).filter(
        (index) => !FEW.holes.includes(index) && index !== trunk - 1,
      );
      for (const index of used.filter((one) => one > 0)) {
        expect(await endingWith(withoutSome(rows, [index]), options)).to.equal(`chunk_missing ${index}`);
      }
    });

    it(`is the first that is missing where page 1 or a trunk is (${way})`, async () => {
      const rows = holedRows(ACTOR, FEW);
      expect(await endingWith(withoutSome(rows, [0]), options)).to.equal("chunk_missing 0");
      expect(await endingWith(withoutSome(rows, [trunk - 1]), options)).to.equal(
        `chunk_missing ${Math.min(hole, trunk - 1)}`,
      );
    });

    it(`is said before what is wrong behind it, and what is wrong is said where nothing is lost (${way})`, async () => {
      const last = FEW.image.length / PAGE - 1;
      expect(last).to.be.above(lastHole);
      const oversized = entryRows(ACTOR, fileChunkK(TAG.main, last), new Uint8Array(PAGE + 1));
      const rows = [...withoutSome(holedRows(ACTOR, FEW), [last]), ...oversized];
      expect(await endingWith(rows, options)).to.equal("rejected chunk_oversized");
      expect(await endingWith(withoutSome(rows, [1]), options)).to.equal("chunk_missing 1");
      const unexpected = entryRows(ACTOR, fileChunkK(TAG.main, last + 1), new Uint8Array(1));
      expect(await endingWith([...holedRows(ACTOR, FEW), ...unexpected], options)).to.equal(
        "rejected chunk_unexpected",
      );
    });

    it(`is any one where the freelist is not whole (${way})`, async () => {
      const damages: readonly ((image: Buffer) => unknown)[] = [
        (image) => image.writeUInt32BE(trunk, (trunk - 1) * PAGE),
        (image) => image.writeUInt32BE(image.readUInt32BE(36) - 1, 36),
        (image) => image.writeUInt32BE(image.readUInt32BE(36) + 1, 36),
        (image) => image.writeUInt32BE(1, (trunk - 1) * PAGE + 8),
        (image) => image.writeUInt32BE(image.length / PAGE + 1, (trunk - 1) * PAGE + 8),
        (image) => image.writeUInt32BE(image.readUInt32BE((trunk - 1) * PAGE + 12), (trunk - 1) * PAGE + 8),
        (image) => image.writeUInt32BE(1023, (trunk - 1) * PAGE + 4),
        (image) => image.writeUInt32BE(hole + 1, 32),
        (image) => image.writeUInt32BE(0xffff_ffff, 32),
      ];
      for (const [index, damage] of damages.entries()) {
        const image = Buffer.from(FEW.image);
        damage(image);
        const rows = holedRows(ACTOR, { image: Uint8Array.from(image), holes: FEW.holes });
        expect(await endingWith(rows, options), String(index)).to.equal(`chunk_missing ${hole}`);
        // With every chunk there, nobody looks at the freelist.
        expect(await endingWith(fileRows(ACTOR, TAG.main, Uint8Array.from(image)), options)).to.equal("migrated");
      }
    });
  }

  it("does not make an actor of few rows small, whatever its size says", async () => {
    const rows = holedRows(ACTOR, MANY);
    // Sorts before the file's metadata, which a first look takes for the size.
    const stray = entryRows(ACTOR, Uint8Array.of(8, 0), new Uint8Array(1));
    const store = new FaultyStore(new MemoryStore());
    await loadRows(store, [...rows, ...stray, lifeRow(ACTOR, "SLEEP_TS")]);
    expect((await attempt(store, ACTOR, new TestClock())).state).to.equal("migrated");
    expect(store.commits).to.include("begin_stage");
  });

  const seeds = seedCount({ short: 60, long: 3_000 });

  it(`in a freelist with random damage is told as the naive reader tells it (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(60_000 + 1_000 * seeds);
    const source = withLeavesAsHoles(
      sqliteImage((database) => {
        database.exec("CREATE TABLE t (content BLOB); INSERT INTO t VALUES (zeroblob(100000)); DELETE FROM t;");
      }),
    );
    const list = freelistOf(source.image) ?? expect.fail("no freelist");
    const seen = new Tally();
    await forEachSeed("test/migration/holes.spec.ts", seeds, async (seed) => {
      const random = new SeededRandom(seed);
      const image = Buffer.from(source.image);
      const trunkAt = ((list.trunks[0] ?? 0) - 1) * PAGE;
      const at = random.pick([32, 36, trunkAt, trunkAt + 4, trunkAt + 8 + 4 * random.below(list.leaves.length)]);
      image.writeUInt32BE(random.pick([image.readUInt32BE(at), random.below(30), 0xffff_fff0]), at);
      const rows = withoutSome(holedRows(ACTOR, { image, holes: source.holes }), random.chance(0.2) ? [1] : []);
      const expected = expectedOfV1(ACTOR, rows);
      const ending = await endingWith(rows, random.chance(0.5) ? STAGED : {});
      seen.add(expected.kind);
      expect(ending.split(" ")[0]).to.equal(expected.kind === "image" ? "migrated" : "chunk_missing");
    });
    if (seeds >= 60) {
      expect(
        [seen.of("image"), seen.of("rejected")].every((times) => times > 0),
        seen.toString(),
      ).to.equal(true);
    }
  });
});

describe("a journal beside pages that were never written", () => {
  const directory = mkdtempSync(join(tmpdir(), "ferry-holes-"));
  const { operations, from } = recordTwoTransactions(directory);

  after(() => {
    rmSync(directory, { recursive: true });
  });

  it("is rolled back wherever SQLite was stopped, and the recovered freelist says what was never written", async () => {
    const seen = new Tally();
    for (let count = from + 1; count <= operations.length; count += 1) {
      const files = replay(new Map(), operations.slice(0, count));
      const main = files.get("main.db") ?? expect.fail("no main file");
      const journal = files.get("main.db-journal");
      const { error, main: left } = aftermath(directory, { main, journal }, { open: openWithWasm });
      expect(error, String(count)).to.equal(undefined);
      const holes = unwrittenChunks(operations.slice(0, count), main.length / PAGE);
      const rows = [
        ...fileRows(ACTOR, TAG.main, main, holes),
        ...(journal === undefined ? [] : fileRows(ACTOR, TAG.journal, journal)),
        lifeRow(ACTOR, "SLEEP_TS"),
      ];
      const store = new MemoryStore();
      store.load(rows);
      const outcome = await attempt(store, ACTOR, new TestClock(), { journal: "rollback" });
      expect(outcome.state, `${count}: ${outcome.detail ?? ""}`).to.equal("migrated");
      const { image } = readV2(ACTOR, store.dump());
      expect(firstDifference(image, left ?? new Uint8Array(0)), String(count)).to.equal(undefined);
      seen.add(outcome.recovery?.journal ?? "none");
      const own = new Set(freelistOf(main)?.leaves);
      seen.add(holes.some((index) => !own.has(index + 1)) ? "not on the main file's own list" : "on its own list");
    }
    // What the test is for: a crash with holes that only the recovered image's freelist explains.
    expect(seen.of("hot"), seen.toString()).to.be.above(5);
    expect(seen.of("not on the main file's own list"), seen.toString()).to.be.above(0);
  }).timeout(60_000);

  it("does not make up for a chunk that was written", async () => {
    const files = replay(new Map(), operations.slice(0, from + 5));
    const main = files.get("main.db") ?? expect.fail("no main file");
    const journal = files.get("main.db-journal") ?? expect.fail("no journal");
    const holes = unwrittenChunks(operations, main.length / PAGE);
    const written = Array.from({ length: main.length / PAGE }, (_, index) => index).filter(
      (index) => !holes.includes(index),
    );
    const lost: string[] = [];
    for (const index of written) {
      const rows = [...fileRows(ACTOR, TAG.main, main, [...holes, index]), ...fileRows(ACTOR, TAG.journal, journal)];
      lost.push(await endingWith(rows, { journal: "rollback" }));
    }
    expect(new Set(lost.filter((ending) => ending !== "migrated").map((ending) => ending.split(" ")[0]))).to.deep.equal(
      new Set(["chunk_missing"]),
    );
  });
});

/** A transaction that leaves pages unwritten, and one that takes some of them from the freelist; `from` is where the second begins. */
function recordTwoTransactions(directory: string): { operations: FileOperation[]; from: number } {
  let from = 0;
  const operations = recordFileOperations(directory, (soFar) => {
    const database = new sqlite.Database(join(directory, "main.db"));
    try {
      database.exec("PRAGMA page_size=4096; PRAGMA journal_mode=DELETE;");
      goneBeforeWritten(200_000)(database);
      from = soFar.length;
      database.exec("BEGIN; INSERT INTO t VALUES (4, randomblob(90000)); DELETE FROM t WHERE id = 2; COMMIT;");
    } finally {
      database.close();
    }
  });
  return { operations, from };
}
