import { existsSync, realpathSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { type Clock, systemClock } from "../clock.ts";
import { EngineStore } from "../engine-store.ts";
import { LmdbCommitter } from "./lmdb-committer.ts";
import { assertUsableDirectory, type EnvironmentOptions } from "./lmdb-directory.ts";
import { type LmdbEnvironment, MAX_READERS, openEnvironment } from "./lmdb-environment.ts";
import { LmdbGate } from "./lmdb-gate.ts";
import { LmdbRows } from "./lmdb-rows.ts";
import { LmdbSnapshot } from "./lmdb-snapshot.ts";
import { LmdbTransaction, type LmdbTransactionParts } from "./lmdb-transaction.ts";
import { LoopTurns } from "./loop-turns.ts";
import { ReadVersions } from "./read-versions.ts";
import { Transactor, type TransactorOptions } from "../transactor.ts";
import type { Store } from "../store.ts";

/** How to open an embedded store. */
export type LmdbStoreOptions = TransactorOptions & EnvironmentOptions;

/** Many times what the binding's write thread needs to end. */
const CLOSE_DELAY_MS = 25;

interface OpenDirectory {
  readonly gate: LmdbGate;
  readonly environment: LmdbEnvironment;
  readonly committer: LmdbCommitter;
  readonly reads: ReadVersions;
  users: number;
}

/**
 * Directories this process has open, by their real path. Shared state on purpose: LMDB forbids opening one directory twice in
 * a process, and a second opening would wait for ever for a write lock whose holder waits for this thread.
 */
const openDirectories = new Map<string, OpenDirectory>();

/**
 * Opens the embedded engine: LMDB in a directory, under FoundationDB's rules. Any number of processes can have the directory
 * open, on one machine: not over a network file system, and not from containers that do not see each other's processes, where
 * LMDB would take the readers of the others for dead.
 * @throws UnavailableError
 */
export function openLmdbStore(path: string, options: LmdbStoreOptions): Store {
  const clock = options.clock ?? systemClock;
  const directory = openDirectory(path, clock, options);
  const parts: LmdbTransactionParts = {
    openSnapshot: () => new LmdbSnapshot(directory.environment.root, clock, directory.reads),
    rows: new LmdbRows(directory.environment.rows),
    committer: directory.committer,
    turns: new LoopTurns(clock),
  };
  const transactor = new Transactor({ begin: () => new LmdbTransaction(parts) }, options);
  return new EngineStore({ url: `lmdb:${path}`, engine: "lmdb", transactor, release: () => closeDirectory(directory) });
}

function openDirectory(path: string, clock: Clock, options: EnvironmentOptions): OpenDirectory {
  const known = existsSync(path) ? openDirectories.get(realpathSync(path)) : undefined;
  if (known !== undefined) {
    known.users += 1;
    return known;
  }
  assertUsableDirectory(path, options);
  const gate = new LmdbGate(path, { maxCommits: MAX_READERS });
  const environment = openBehind(gate, path);
  const reads = new ReadVersions();
  const committer = new LmdbCommitter(environment, gate, clock, reads);
  const directory = { gate, environment, committer, reads, users: 1 };
  openDirectories.set(realpathSync(path), directory);
  return directory;
}

function openBehind(gate: LmdbGate, path: string): LmdbEnvironment {
  try {
    return gate.alone(() => openEnvironment(path));
  } catch (error) {
    void gate.close();
    throw error;
  }
}

async function closeDirectory(directory: OpenDirectory): Promise<void> {
  directory.users -= 1;
  if (directory.users > 0) {
    return;
  }
  for (const [name, open] of openDirectories) {
    if (open === directory) {
      openDirectories.delete(name);
    }
  }
  const { root } = directory.environment;
  // It fails with the last commit, which has been said to whoever made that.
  await Promise.resolve(root.flushed).catch(() => undefined);
  // The binding resolves a commit while its write thread has still to let go of the environment, and would close it under that: with
  // other processes writing, rows were lost. There is nothing else to wait for.
  await sleep(CLOSE_DELAY_MS);
  await root.close();
  await directory.gate.close();
}
