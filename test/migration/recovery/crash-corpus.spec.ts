import { mkdtempSync, rmSync, writeFileSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import { equalBytes } from "../../../src/formats/bytes.ts";
import { MemorySource } from "../../../src/migration/recovery/byte-source.ts";
import type { JournalOptions } from "../../../src/migration/recovery/journal-rollback.ts";
import { recoverImage } from "../../../src/migration/recovery/recover-image.ts";
import { rollbackCrashes, walCrashes, type CrashCase } from "../../support/sqlite-crashes.ts";
import { LONG, SEED } from "../../support/run-options.ts";
import { Random } from "./random.ts";
import {
  aftermath,
  openWalWithWasm,
  openWithShell,
  openWithWasm,
  shellVersion,
  type Aftermath,
  type Opener,
} from "./sqlite-oracle.ts";

const MAX_IMAGE_BYTES = 32 * 2 ** 20;

/*
 * What is compared: the main file, byte for byte, after SQLite opened the files, read the schema and closed them. A rollback happens before
 * SQLite looks at the database, so that holds also where it then says that the file is none. A log is applied by the checkpoint on closing;
 * where SQLite refuses, both files must be as they were.
 *
 * FERRY_TEST_LONG=1 for 3,000 and 1,000 cases instead of 260 and 120; FERRY_TEST_SEED repeats a run but for SQLite's own random numbers
 * (nonces, salts), so the files of a case that fails are kept.
 */

/** A tally of what the corpus was made of, so that a generator gone dull is seen. */
type Tally = Map<string, number>;

describe("recovery against SQLite on generated crashes", function () {
  this.timeout(600_000);
  const shell = shellVersion();
  let directory: string;

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), "ferry-crashes-"));
    process.stdout.write(
      `    FERRY_TEST_SEED=${SEED}; sqlite3 shell: ${shell ?? "NOT ON PATH, second opinion skipped"}\n`,
    );
  });

  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it("restores what SQLite restores from rollback journals", async () => {
    const tally: Tally = new Map();
    const random = new Random(SEED);
    const cases = rollbackCrashes(random, directory);
    const wanted = LONG ? 3000 : 260;
    for (let index = 0; index < wanted; index += 1) {
      const { value: crash } = cases.next();
      await explained(crash, index, async () => {
        count(tally, await compareRollback(crash, directory, "wasm"));
        if (shell !== undefined && index % 10 === 0) {
          count(tally, `shell: ${await compareRollback(crash, directory, "shell")}`);
        }
      });
    }
    report(tally);
    expect(tally.get("hot, no_further_segment")).to.be.greaterThan(wanted / 10);
  });

  it("restores what SQLite restores from write-ahead logs", async () => {
    const tally: Tally = new Map();
    const random = new Random(SEED + 1);
    const cases = walCrashes(random, directory);
    const wanted = LONG ? 1000 : 120;
    for (let index = 0; index < wanted; index += 1) {
      const { value: crash } = cases.next();
      await explained(crash, index, async () => {
        count(tally, await compareWal(crash, directory, openWalWithWasm));
        if (shell !== undefined && index % 10 === 0) {
          count(tally, `shell: ${await compareWal(crash, directory, openWithShell)}`);
        }
      });
    }
    report(tally);
    expect(tally.get("valid_frames")).to.be.greaterThan(wanted / 10);
  });
});

/** Gives the journal's state when both agree, throws when they do not. */
async function compareRollback(crash: CrashCase, directory: string, opener: "wasm" | "shell"): Promise<string> {
  const files = { main: new MemorySource(crash.main), journal: crash.journal && new MemorySource(crash.journal) };
  const options: JournalOptions = {
    maxImageBytes: MAX_IMAGE_BYTES,
    superJournalExists: (name) => crash.alsoExists.includes(path.basename(name)) && path.dirname(name) === directory,
    // The longest path of the file layer that opens the case.
    maxSuperNameBytes: opener === "wasm" ? 4096 : 512,
  };
  const { journal, image } = await recoverImage(files, options);
  const left = aftermath(directory, crash, {
    open: opener === "wasm" ? openWithWasm : openWithShell,
    alsoExists: crash.alsoExists,
  });
  if (journal.state === "too_large") {
    expectTooLarge(journal.imageBytes, left);
    return journal.state;
  }
  if (image === undefined) {
    throw new Error(`no image in state ${journal.state}`);
  }
  expectSameBytes(await image.read(0, image.size), left);
  if (crash.journal?.length !== 0) {
    expect(left.journalLeft, "journal left").to.equal(journal.state === "zeroed");
  }
  return journal.state === "hot" ? `hot, ${journal.recordsPlayed === 0 ? "no record" : journal.end}` : journal.state;
}

async function compareWal(crash: CrashCase, directory: string, open: Opener): Promise<string> {
  const files = { main: new MemorySource(crash.main), wal: crash.wal && new MemorySource(crash.wal) };
  const { wal, image } = await recoverImage(files, { maxImageBytes: MAX_IMAGE_BYTES });
  const left = aftermath(directory, crash, { open });
  if (wal === undefined) {
    throw new Error("no plan");
  }
  if (image === undefined) {
    expectRefused(crash, left);
    return wal.state;
  }
  if (leftAlone(crash, left)) {
    return `${wal.state} but unreadable`;
  }
  expectSameBytes(await image.read(0, image.size), left);
  return wal.state;
}

/** Over the limit Ferry only has to know the size; SQLite makes a file with a hole, or fails when the file system cannot. */
function expectTooLarge(imageBytes: number, left: Aftermath): void {
  if (left.error === undefined || left.mainBytes > MAX_IMAGE_BYTES) {
    expect(left.mainBytes).to.equal(imageBytes);
  }
}

/** SQLite says so, or, as a checkpoint on closing fails in silence, leaves both files as they were. */
function expectRefused(crash: CrashCase, left: Aftermath): void {
  if (left.error === undefined) {
    expectSameBytes(crash.main, left);
    expect(left.walLeft, "log left").to.equal(true);
  }
}

/** The image SQLite would read is no sound database: it complains, and a checkpoint then does not come about on closing. */
function leftAlone(crash: CrashCase, left: Aftermath): boolean {
  return left.error !== undefined && left.walLeft && equalBytes(crash.main, left.main);
}

function expectSameBytes(ours: Uint8Array, left: Aftermath): void {
  expect(left.mainBytes, "bytes of the image as SQLite left it").to.equal(ours.length);
  const theirs = left.main ?? new Uint8Array(0);
  if (!equalBytes(ours, theirs)) {
    const difference = ours.findIndex((byte, index) => byte !== theirs[index]);
    throw new Error(`image and SQLite's file differ, first at byte ${difference}`);
  }
}

/** Keeps the files of a case that fails, and says where. */
async function explained(crash: CrashCase, index: number, body: () => Promise<void>): Promise<void> {
  try {
    await body();
  } catch (error) {
    const kept = path.join(tmpdir(), `ferry-crash-${process.pid}-${index}`);
    mkdirSync(kept, { recursive: true });
    writeFileSync(path.join(kept, "case.db"), crash.main);
    for (const [suffix, bytes] of [
      ["-journal", crash.journal],
      ["-wal", crash.wal],
    ] as const) {
      if (bytes !== undefined) {
        writeFileSync(path.join(kept, `case.db${suffix}`), bytes);
      }
    }
    throw new Error(`case ${index} (${crash.title}), kept in ${kept}`, { cause: error });
  }
}

function count(tally: Tally, key: string): void {
  tally.set(key, (tally.get(key) ?? 0) + 1);
}

function report(tally: Tally): void {
  const parts = [...tally]
    .toSorted(([one], [other]) => one.localeCompare(other))
    .map(([key, times]) => `${key} ${times}`);
  process.stdout.write(`      ${parts.join(", ")}\n`);
}
