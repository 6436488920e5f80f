import { expect } from "chai";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeWalFrame, encodeWalHeader, WAL_VERSION } from "../../src/formats/wal.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { readMigratedActor } from "../../src/migration/migrated-actor.ts";
import { changeInV1 } from "../../src/migration/v1-change.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import { MemoryStore } from "../support/memory-store.ts";
import {
  attempt,
  contextOn,
  dumpRows,
  loadRows,
  TestClock,
  type AttemptOptions,
} from "../support/reference-attempt.ts";
import { firstDifference, readV2, sha256 } from "../support/reference.ts";
import { rollbackCrashes, walCrashes, type CrashCase } from "../support/sqlite-crashes.ts";
import { bytesOf, entryRows, fileChunkK, fileRows, PAGE, TAG, testActor, type Row } from "../support/v1-actors.ts";
import { journalOf } from "./recovery/built-journal.ts";
import { Random } from "./recovery/random.ts";
import { aftermath, openWalWithWasm, openWithWasm } from "./recovery/sqlite-oracle.ts";

const actor = testActor(7);
const CASES = 60;
const CRASH = { title: "made by hand", alsoExists: [] } as const;

/** An actor as v1 holds these files. */
function rowsOf(files: CrashCase): Row[] {
  return [
    ...fileRows(actor, TAG.main, files.main),
    ...(files.journal === undefined ? [] : fileRows(actor, TAG.journal, files.journal)),
    ...(files.wal === undefined ? [] : fileRows(actor, TAG.wal, files.wal)),
  ];
}

async function migrate(
  rows: readonly Row[],
  options: AttemptOptions,
): Promise<{ outcome: Awaited<ReturnType<typeof attempt>>; store: MemoryStore }> {
  const store = new MemoryStore();
  await loadRows(store, rows);
  return { outcome: await attempt(store, actor, new TestClock(), options), store };
}

describe("migrating what a crash left behind", () => {
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-recovery-"));
  });

  after(async () => {
    await rm(directory, { recursive: true });
  });

  const compare = async (crash: CrashCase, options: AttemptOptions, left: Uint8Array | undefined): Promise<boolean> => {
    const { outcome, store } = await migrate(rowsOf(crash), options);
    if (outcome.state !== "migrated") {
      // Only what v2 cannot hold, or SQLite itself does not take, may be refused.
      const image = left ?? new Uint8Array(0);
      const holds =
        image.length === 0 || (image.length % PAGE === 0 && (image[16] ?? 0) * 256 + (image[17] ?? 0) === PAGE);
      const isDatabase =
        image.length === 0 || Buffer.from(image.subarray(0, 16)).toString("latin1") === "SQLite format 3\0";
      expect(holds && isDatabase, `${crash.title}: ${outcome.reason ?? ""} ${outcome.detail ?? ""}`).to.equal(false);
      return false;
    }
    const { image } = readV2(actor, await dumpRows(store));
    expect(firstDifference(image, left ?? new Uint8Array(0)), crash.title).to.equal(undefined);
    expect(outcome.sha256).to.equal(sha256(image));
    expect(await changeSince(store), `${crash.title}: nothing was written since`).to.equal(undefined);
    return true;
  };

  /** What verify and cleanup find to have changed in v1 since the migration. */
  const changeSince = async (store: MemoryStore): Promise<string | undefined> => {
    const context = contextOn(store, new TestClock());
    const seen = await store.transact((tx) => readMigratedActor(context, tx, actor.id));
    return changeInV1(context, actor.id, seen, new AbortController().signal);
  };

  it("gives the image that SQLite leaves, journal by journal", async () => {
    const seed = 20261123;
    const crashes = rollbackCrashes(new Random(seed), directory);
    let migrated = 0;
    for (let index = 0; index < CASES; index += 1) {
      const crash = crashes.next().value;
      const { error, main } = aftermath(directory, crash, { open: openWithWasm, alsoExists: [] });
      if (error === undefined && main !== undefined) {
        migrated += (await compare(crash, { journal: "rollback" }, main)) ? 1 : 0;
      }
    }
    expect(migrated, `seed ${seed}`).to.be.greaterThan(CASES / 3);
  });

  it("gives the image that SQLite leaves, log by log", async () => {
    const seed = 20261124;
    const crashes = walCrashes(new Random(seed), directory);
    let migrated = 0;
    for (let index = 0; index < CASES; index += 1) {
      const crash = crashes.next().value;
      const { error, main } = aftermath(directory, crash, { open: openWalWithWasm });
      if (error === undefined && main !== undefined) {
        migrated += (await compare(crash, { wal: "apply", journal: "rollback" }, main)) ? 1 : 0;
      }
    }
    expect(migrated, `seed ${seed}`).to.be.greaterThan(CASES / 3);
  });

  describe("by what the options say", () => {
    const hot = (): CrashCase => {
      const crashes = rollbackCrashes(new Random(4), directory);
      for (;;) {
        const crash = crashes.next().value;
        const { error, main } = aftermath(directory, crash, { open: openWithWasm });
        const differs = main !== undefined && firstDifference(main, crash.main) !== undefined;
        if (
          crash.journal !== undefined &&
          error === undefined &&
          differs &&
          main.length % PAGE === 0 &&
          main[16] === 0x10
        ) {
          return crash;
        }
      }
    };

    it("rejects a journal unless told to roll it back, and says what it did when it was", async () => {
      const rows = rowsOf(hot());
      expect((await migrate(rows, {})).outcome).to.include({ state: "rejected", reason: "journal_present" });
      const { outcome, store } = await migrate(rows, { journal: "rollback" });
      expect(outcome.state).to.equal("migrated");
      expect(outcome.recovery?.journal).to.equal("hot");
      expect(outcome.recovery?.pagesRestored).to.be.a("number");
      const v1 = (all: readonly Row[]): string =>
        sha256(bytesOf(...all.filter(isV1).flatMap((row) => [row.key, row.value])));
      expect(v1(await dumpRows(store)), "v1 is never written").to.equal(v1(sorted(rows)));
    });

    it("knows v1 for unchanged where SQLite has rolled the same journal back since, and for changed where it wrote more", async () => {
      const crash = hot();
      const { main = new Uint8Array(0) } = aftermath(directory, crash, { open: openWithWasm });
      const { store } = await migrate(rowsOf(crash), { journal: "rollback" });
      store.load(fileRows(actor, TAG.main, main), [v1Range(actor.id)]);
      expect(await changeSince(store)).to.equal(undefined);
      store.load(entryRows(actor, fileChunkK(TAG.main, 0), Uint8Array.from(main.subarray(0, PAGE)).fill(9, 24, 28)));
      expect(await changeSince(store)).to.match(/another one than was migrated/);
    });

    it("rejects an image that a journal or a log makes smaller than a page of v2's: it is no empty database", async () => {
      const main = pageSized(512, 2);
      const journal = journalOf(2, { records: [] });
      const rolledBack = await migrate(rowsOf({ ...CRASH, main, journal }), { journal: "rollback" });
      expect(rolledBack.outcome).to.include({ state: "rejected", reason: "page_size_unsupported" });
      const wal = logOf(main.subarray(0, 512));
      const applied = await migrate(rowsOf({ ...CRASH, main, wal }), { wal: "apply" });
      expect(applied.outcome).to.include({ state: "rejected", reason: "page_size_unsupported" });
      const cut = pageSized(PAGE, 1).subarray(0, 2_000);
      const header = { pageSize: PAGE };
      const cutOff = { ...CRASH, main: cut, journal: journalOf(1, { records: [], header }) };
      const stillCut = await migrate(rowsOf(cutOff), { journal: "rollback" });
      expect(stillCut.outcome).to.include({ state: "rejected", reason: "size_not_page_aligned" });
    });

    it("refuses a journal whose metadata is missing", async () => {
      const rows = rowsOf(hot()).filter(({ key }) => !isJournalMetadata(key));
      const { outcome } = await migrate(rows, { journal: "rollback" });
      expect(outcome).to.include({ state: "rejected", reason: "journal_present" });
      expect(outcome.detail).to.match(/no metadata/);
    });

    it("lets a WAL without commits and a SHM pass when told to tolerate them, and no WAL with commits", async () => {
      const { main } = aftermath(directory, hot(), { open: openWithWasm });
      const image = main ?? new Uint8Array(0);
      const garbage = new Uint8Array(5000).fill(7);
      const rows = [
        ...fileRows(actor, TAG.main, image),
        ...fileRows(actor, TAG.wal, garbage),
        ...fileRows(actor, TAG.shm, garbage),
      ];
      expect((await migrate(rows, {})).outcome.reason).to.equal("wal_present");
      const { outcome } = await migrate(rows, { sidecars: "tolerate" });
      expect(outcome).to.include({ state: "migrated", sha256: sha256(image) });
      expect(outcome.recovery?.wal).to.equal("invalid_header");
      const crash = withCommits(directory);
      expect((await migrate(rowsOf(crash), { sidecars: "tolerate" })).outcome.reason).to.equal("wal_present");
    });

    it("has SQLite check the pages when told to, small or staged, and rejects with what it found", async () => {
      const checker = new IntegrityChecker();
      try {
        const { main } = aftermath(directory, hot(), { open: openWithWasm });
        const image = Uint8Array.from(main ?? []);
        const context = { checkIntegrity: checker.check.bind(checker) };
        for (const smallImageBytes of [0, 1 << 20]) {
          const sound = await migrate(fileRows(actor, TAG.main, image), { check: "full", smallImageBytes, context });
          expect(sound.outcome.state).to.equal("migrated");
          const broken = Uint8Array.from(image).fill(0x5a, 100, PAGE);
          const rows = fileRows(actor, TAG.main, broken);
          expect((await migrate(rows, { smallImageBytes })).outcome.state).to.equal("migrated");
          const { outcome, store } = await migrate(rows, { check: "quick", smallImageBytes, context });
          expect(outcome).to.include({ state: "rejected", reason: "integrity_check_failed" });
          expect((await dumpRows(store)).filter((row) => !isV1(row) && !isFerry(row))).to.deep.equal([]);
        }
      } finally {
        await checker.close();
      }
    });
  });
});

/** Pages of this size, the first of which begins as a database's does. */
function pageSized(pageSize: number, pages: number): Uint8Array {
  const main = new Uint8Array(pages * pageSize);
  main.set(Buffer.from("SQLite format 3\0"));
  main.set([pageSize >> 8, pageSize & 0xff], 16);
  return main;
}

/** A log of one commit, which leaves a database of this page alone. */
function logOf(page: Uint8Array): Uint8Array {
  const salt = [1, 2] as const;
  const start = encodeWalHeader({
    bigEndianChecksums: false,
    version: WAL_VERSION,
    pageSize: page.length,
    checkpointSequence: 0,
    salt,
  });
  const frame = encodeWalFrame({ pageNumber: 1, commitPages: 1, page }, start.header, start.checksum);
  return bytesOf(start.bytes, frame.bytes);
}

function isV1({ key }: Row): boolean {
  return Buffer.from(key).toString("hex").startsWith("1415031548");
}

function isFerry({ key }: Row): boolean {
  return Buffer.from(key).toString("latin1").startsWith("\x02ferry\0");
}

function isJournalMetadata(key: Uint8Array): boolean {
  const [entry] = entryRows(actor, Uint8Array.of(8, 1, 0, TAG.journal), new Uint8Array(1));
  return Buffer.from(key)
    .toString("hex")
    .startsWith(
      Buffer.from(entry?.key.subarray(0, 40) ?? [])
        .toString("hex")
        .slice(0, 70),
    );
}

function sorted(rows: readonly Row[]): Row[] {
  return rows.toSorted((a, b) => Buffer.compare(a.key, b.key));
}

function withCommits(directory: string): CrashCase {
  const crashes = walCrashes(new Random(9), directory);
  for (;;) {
    const crash = crashes.next().value;
    const { error, main } = aftermath(directory, crash, { open: openWalWithWasm });
    if (
      error === undefined &&
      main !== undefined &&
      firstDifference(main, crash.main) !== undefined &&
      main[16] === 0x10
    ) {
      return crash;
    }
  }
}
