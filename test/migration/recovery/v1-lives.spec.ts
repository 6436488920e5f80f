import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import sqlite from "node-sqlite3-wasm";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, dumpRows, loadRows, TestClock } from "../../support/reference-attempt.ts";
import { firstDifference, readV2 } from "../../support/reference.ts";
import { forEachSeed, seedCount, Tally } from "../../support/run-options.ts";
import { PAGE, testActor } from "../../support/v1-actors.ts";
import { LAYERS, V1Storage } from "../../support/v1-storage.ts";
import { recordFileOperations, type FileOperation } from "./file-trace.ts";
import { Random } from "./random.ts";
import { aftermath, asOnlyProcess, openWalWithWasm, openWithWasm, type Aftermath } from "./sqlite-oracle.ts";

/*
 * Actors that live on v1, die, and live on: SQLite opens what the last life left, rolls back, writes, and the process dies between
 * any two requests of the file layer. What one life leaves behind, the next has to live with, chunks that nobody reads included. After
 * each, Ferry has to migrate what SQLite would read, or refuse.
 *
 * FERRY_TEST_LONG=1 for 1,500 actors instead of 12.
 */

const MAIN_FILE = "work.db";
const actor = testActor(7);
const LIVES = 4;
/** The settings that v1 makes, and what an actor's code may make of them. */
const JOURNAL_MODES = ["delete", "delete", "delete", "delete", "truncate", "persist", "memory", "off", "wal"] as const;

describe("actors that die and live on in v1's file layers", function () {
  this.timeout(600_000);
  let directory: string;

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), "ferry-lives-"));
  });

  after(() => {
    rmSync(directory, { recursive: true, force: true });
  });

  it("are migrated as SQLite reads them, or refused", async () => {
    const tally = new Tally();
    await forEachSeed(
      "test/migration/recovery/v1-lives.spec.ts",
      seedCount({ short: 12, long: 1500 }),
      async (seed) => {
        const random = new Random(seed);
        const layer = random.pick([...LAYERS]);
        const storage = new V1Storage(layer);
        for (let life = 1; life <= LIVES; life += 1) {
          const { operations, title } = liveOn(storage, random, directory);
          const requests = dyingAt(storage, operations, random);
          storage.apply(operations, requests);
          const name = `${layer}, life ${life}: ${title}, ${requests} requests`;
          tally.add(stateOf(storage));
          tally.add(await compare(storage, directory, name));
        }
      },
    );
    process.stdout.write(`      ${tally.toString()}\n`);
    expect(tally.of("migrated")).to.be.greaterThan(tally.of("chunk_unexpected", "chunk_missing", "journal_present"));
    expect(tally.of("hot"), "hot journals").to.be.greaterThan(0);
  });
});

function requestsOf(storage: V1Storage, operations: readonly FileOperation[]): number {
  return storage.copy().apply(operations, Number.MAX_SAFE_INTEGER);
}

/** What a life left, so that a generator gone dull is seen. */
function stateOf(storage: V1Storage): string {
  const journal = storage.read("journal");
  if (storage.hasLeftovers("main") || storage.hasLeftovers("journal")) {
    return "left over";
  }
  return journal === undefined || journal.length === 0 ? "no journal" : journal[0] === 0 ? "zeroed" : "hot";
}

/** After how many requests: any, or, as these are few, the first or second of what makes a file shorter or deletes it. */
function dyingAt(storage: V1Storage, operations: readonly FileOperation[], random: Random): number {
  const shortening = operations.flatMap(({ kind }, index) => (kind === "truncate" || kind === "delete" ? [index] : []));
  const ofMain = shortening.filter((index) => operations[index]?.file === MAIN_FILE);
  const candidates = ofMain.length > 0 && random.chance(0.7) ? ofMain : shortening;
  const at = candidates[random.between(0, candidates.length - 1)];
  return at === undefined || random.chance(0.5)
    ? random.between(0, requestsOf(storage, operations))
    : requestsOf(storage, operations.slice(0, at)) + random.between(1, 2);
}

/** Ferry's outcome, once it was found to be the right one. */
async function compare(storage: V1Storage, directory: string, name: string): Promise<string> {
  const [main, journal, wal] = [
    storage.read("main") ?? new Uint8Array(0),
    storage.read("journal"),
    storage.read("wal"),
  ];
  const store = new MemoryStore();
  await loadRows(store, storage.rows(actor));
  const outcome = await attempt(store, actor, new TestClock(), { journal: "rollback", wal: "apply" });
  const left = aftermath(
    directory,
    { main, journal, wal },
    { open: wal === undefined ? openWithWasm : openWalWithWasm },
  );
  if (outcome.state === "migrated") {
    const { image } = readV2(actor, await dumpRows(store));
    expect(firstDifference(image, left.main ?? new Uint8Array(0)), name).to.equal(undefined);
    return "migrated";
  }
  const { reason = "" } = outcome;
  expect(reason, `${name}: ${outcome.state} ${outcome.detail ?? ""}`).to.be.oneOf(reasonsToRefuse(storage, left));
  return reason;
}

/** What may be said of such rows: chunks that no layer reads, chunks that are not there, and what is no database for v2. */
function reasonsToRefuse(storage: V1Storage, { main = new Uint8Array(0) }: Aftermath): string[] {
  const isDatabase = Buffer.from(main.subarray(0, 16)).toString("latin1") === "SQLite format 3\0";
  const sidecars = ["journal", "wal"] as const;
  const isHoled = storage.hasHoles("main") || sidecars.some((tag) => storage.hasHoles(tag));
  return [
    ...(storage.hasLeftovers("main") ? ["chunk_unexpected"] : []),
    ...(isHoled ? ["chunk_missing"] : []),
    ...sidecars.filter((tag) => storage.hasLeftovers(tag)).map((tag) => `${tag}_present`),
    ...(isDatabase ? [] : ["magic_mismatch", "header_too_small"]),
    ...(main.length % PAGE === 0 ? [] : ["size_not_page_aligned"]),
  ];
}

/** One life: what SQLite did to its files from opening what the last one left. */
function liveOn(
  storage: V1Storage,
  random: Random,
  directory: string,
): { readonly operations: readonly FileOperation[]; readonly title: string } {
  for (const [tag, suffix] of [
    ["main", ""],
    ["journal", "-journal"],
    ["wal", "-wal"],
  ] as const) {
    const bytes = storage.read(tag);
    if (bytes !== undefined) {
      writeFileSync(path.join(directory, `${MAIN_FILE}${suffix}`), bytes);
    }
  }
  const settings = {
    page_size: PAGE,
    locking_mode: "exclusive",
    journal_mode: random.pick([...JOURNAL_MODES]),
    synchronous: "normal",
    auto_vacuum: random.pick(["none", "none", "full", "incremental"]),
    cache_size: random.pick([-2000, 3, 10]),
  };
  const operations = recordFileOperations(directory, () => {
    asOnlyProcess(() => {
      const database = new sqlite.Database(path.join(directory, MAIN_FILE));
      try {
        for (const [pragma, value] of Object.entries(settings)) {
          database.all(`PRAGMA ${pragma} = ${value}`);
        }
        database.exec("CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, k INTEGER, b BLOB)");
        database.exec("CREATE INDEX IF NOT EXISTS t_k ON t(k)");
        for (let count = random.between(1, 4); count > 0; count -= 1) {
          transaction(database, random);
        }
      } catch {
        // A database that an earlier life broke, without a journal: SQLite says so, and the process lives on for nothing.
      } finally {
        database.close();
      }
    });
  });
  for (const name of readdirSync(directory)) {
    rmSync(path.join(directory, name), { recursive: true });
  }
  const title = Object.entries(settings)
    .map(([pragma, value]) => `${pragma}=${value}`)
    .join(" ");
  return { operations, title };
}

/** Some of them of more pages than a file layer takes in one request, so that journals are as long. */
function transaction(database: sqlite.Database, random: Random): void {
  if (random.chance(0.2)) {
    database.exec("VACUUM");
    return;
  }
  database.exec("BEGIN");
  for (let steps = random.between(1, 4); steps > 0; steps -= 1) {
    switch (random.between(0, 4)) {
      case 0:
      case 1:
        insert(database, random, random.chance(0.15) ? 300 : 20);
        break;
      case 2:
        database.run("UPDATE t SET k = k + 1, b = ? WHERE id % 3 = ?", [random.bytes(500), random.between(0, 2)]);
        break;
      case 3:
        database.run("DELETE FROM t WHERE id % 4 <> ?", [random.between(0, 3)]);
        break;
      default:
        database.exec("SAVEPOINT s");
        insert(database, random, 10);
        database.exec(random.chance(0.5) ? "ROLLBACK TO s; RELEASE s" : "RELEASE s");
    }
  }
  database.exec(random.chance(0.85) ? "COMMIT" : "ROLLBACK");
}

function insert(database: sqlite.Database, random: Random, rows: number): void {
  const statement = database.prepare("INSERT INTO t(k, b) VALUES (?, zeroblob(?))");
  try {
    for (let row = 0; row < rows; row += 1) {
      statement.run([random.between(0, 1000), random.between(1, 4000)]);
    }
  } finally {
    statement.finalize();
  }
}
