import { damageJournal } from "../migration/recovery/journal-damage.ts";
import { resized, written } from "../migration/recovery/edited-bytes.ts";
import { replay, type FileOperation, type Files } from "../migration/recovery/file-trace.ts";
import type { Random } from "../migration/recovery/random.ts";
import type { CrashFiles } from "../migration/recovery/sqlite-oracle.ts";
import { damageWal } from "../migration/recovery/wal-damage.ts";
import { MAIN_FILE, recordRollbackMode, recordWalMode, type Recording } from "../migration/recovery/workloads.ts";

/** Files as some crash, or something worse, left them, and how that came about. */
export interface CrashCase extends CrashFiles {
  readonly title: string;
  /** Names of super-journals that exist in the recordings' directory while SQLite opens the case. */
  readonly alsoExists: readonly string[];
}

const CASES_PER_RECORDING = 20;

/**
 * Endless crashes of rollback-mode databases. Real recordings of SQLite's writes, stopped at any of them or inside one; half of the time
 * with the storage having lost some of what was never synced, half of the time with the journal damaged on top, sometimes the main file.
 */
export function* rollbackCrashes(random: Random, directory: string): Generator<CrashCase, never, undefined> {
  for (;;) {
    const recording = recordRollbackMode(random, directory);
    for (let index = 0; index < CASES_PER_RECORDING && recording.operations.length > 0; index += 1) {
      yield rollbackCrash(recording, random);
    }
  }
}

/** The same for databases in WAL mode: a log cut, torn, flipped, or from before the main file's last checkpoint. */
export function* walCrashes(random: Random, directory: string): Generator<CrashCase, never, undefined> {
  for (;;) {
    const recording = recordWalMode(random, directory);
    for (let index = 0; index < CASES_PER_RECORDING && recording.operations.length > 0; index += 1) {
      yield walCrash(recording, random);
    }
  }
}

function rollbackCrash(recording: Recording, random: Random): CrashCase {
  const crash = crashWith(recording, random, `${MAIN_FILE}-journal`);
  const files = {
    main: crash.files.get(MAIN_FILE) ?? new Uint8Array(0),
    journal: crash.files.get(`${MAIN_FILE}-journal`),
  };
  const supers = [...crash.files.keys()].filter((name) => name.includes("-mj"));
  const damaged =
    files.journal !== undefined && random.chance(0.5)
      ? damageJournal(files.journal, random)
      : { name: "", journal: files.journal };
  const main = random.chance(0.12) ? damageMain(files.main, random) : { name: "", main: files.main };
  return {
    title: [recording.title, crash.name, damaged.name, main.name].filter((part) => part !== "").join(" | "),
    main: main.main,
    journal: damaged.journal,
    alsoExists: random.chance(0.5) ? supers : [],
  };
}

function walCrash(recording: Recording, random: Random): CrashCase {
  const crash = crashWith(recording, random, `${MAIN_FILE}-wal`);
  const files = { main: crash.files.get(MAIN_FILE) ?? new Uint8Array(0), wal: crash.files.get(`${MAIN_FILE}-wal`) };
  const damaged =
    files.wal !== undefined && random.chance(0.5) ? damageWal(files.wal, random) : { name: "", wal: files.wal };
  const main = random.chance(0.12) ? damageMain(files.main, random) : { name: "", main: files.main };
  return {
    title: [recording.title, crash.name, damaged.name, main.name].filter((part) => part !== "").join(" | "),
    main: main.main,
    wal: damaged.wal,
    alsoExists: [],
  };
}

/** Stops a recording somewhere, preferably where the sidecar exists. */
function crashWith(
  recording: Recording,
  random: Random,
  sidecar: string,
): { readonly name: string; readonly files: Files } {
  for (let attempt = 0; ; attempt += 1) {
    const count = random.between(1, recording.operations.length);
    const happened = recording.operations.slice(0, count);
    const kept = random.chance(0.5) ? withoutUnsynced(happened, random) : happened;
    const last = kept.at(-1);
    const tornAfter = last?.kind === "write" && random.chance(0.4) ? random.between(0, last.bytes.length) : undefined;
    const files = replay(recording.before, kept, tornAfter);
    if (files.has(sidecar) || attempt === 5) {
      const lost = happened.length - kept.length;
      const torn = tornAfter === undefined ? "" : `, the last torn after ${tornAfter} bytes`;
      return { name: `${count} of ${recording.operations.length} operations, ${lost} lost${torn}`, files };
    }
  }
}

/** Storage that lost power keeps what was synced and any part of the rest. */
function withoutUnsynced(operations: readonly FileOperation[], random: Random): FileOperation[] {
  const lastSync = new Map<string, number>();
  for (const [index, operation] of operations.entries()) {
    if (operation.kind === "sync") {
      lastSync.set(operation.file, index);
    }
  }
  return operations.filter(({ file }, index) => index <= (lastSync.get(file) ?? -1) || random.chance(0.7));
}

function damageMain(main: Uint8Array, random: Random): { readonly name: string; readonly main: Uint8Array } {
  const size = random.between(0, main.length);
  switch (random.between(0, 5)) {
    case 0:
      return { name: `main cut to ${size} bytes`, main: main.subarray(0, size) };
    case 1:
      return { name: "main cut by pages", main: main.subarray(0, Math.floor(size / 4096) * 4096) };
    case 2:
      return { name: "main extended", main: resized(main, main.length + random.between(1, 20_000)) };
    case 3:
      return { name: "main empty", main: new Uint8Array(0) };
    case 4:
      return { name: "main starts with garbage", main: written(main, 0, random.bytes(Math.min(100, main.length))) };
    default:
      return {
        name: "main's page size is garbage",
        main: main.length < 18 ? main : written(main, 16, random.bytes(2)),
      };
  }
}
