import { prefixRange } from "../../formats/bytes.ts";
import { readRows } from "../../store/read-rows.ts";
import type { KeyValue, Store, Transaction } from "../../store/store.ts";
import { workerKey, WORKERS } from "../campaign-keys.ts";
import { decodeJson, encodeJson } from "../json-row.ts";

/** What a worker says of itself every few seconds. */
export interface Heartbeat {
  readonly workerId: string;
  readonly atMs: number;
  readonly startedAtMs: number;
  readonly host: string;
  readonly pid: number;
  readonly version: string;
  /** Actors it may work on at once, as configured, and as its load control allows now. */
  readonly concurrency: number;
  readonly limit: number;
  /** Why the limit is below the concurrency. */
  readonly throttledBecause?: string;
  /** Whether it has lost Redis, and so gets no work. */
  readonly queueLost?: boolean;
  /** Actors under way, by campaign; "" for those of none. */
  readonly inFlight: Readonly<Record<string, number>>;
  /** Seconds of its slots by activity since it started: the attribution of its time. */
  readonly activitySeconds: Readonly<Record<string, number>>;
  /** The same of the last minute. */
  readonly recentSeconds?: Readonly<Record<string, number>>;
}

/** A worker that has been silent for longer is gone. */
const SILENT_MS = 20_000;
/** The row of one that has been silent for longer is removed. */
const FORGOTTEN_MS = 3_600_000;

/** Not with batch priority: a worker that the store holds back must be heard to say so, and not be taken for one that is gone. */
export async function writeHeartbeat(store: Store, heartbeat: Heartbeat): Promise<void> {
  await store.transact(
    (tx) => {
      tx.set(workerKey(heartbeat.workerId), encodeJson(heartbeat));
      return Promise.resolve();
    },
    { label: "heartbeat", priority: "default", maxAttempts: 3, timeoutMs: 5_000 },
  );
}

/** Takes a worker's heartbeat away: it has ended. */
export async function removeHeartbeat(store: Store, workerId: string): Promise<void> {
  await store.transact(
    (tx) => {
      tx.clear(workerKey(workerId));
      return Promise.resolve();
    },
    { label: "heartbeat", priority: "default", maxAttempts: 3, timeoutMs: 5_000 },
  );
}

/** Workers heard of lately. */
export async function readWorkers(tx: Transaction, nowMs: number): Promise<Heartbeat[]> {
  const rows = await readRows(tx, prefixRange(WORKERS), { snapshot: true });
  return rows.map(heartbeatOf).filter(({ atMs }) => atMs > nowMs - SILENT_MS);
}

/** Removes the rows of workers that have been silent for an hour. */
export async function forgetSilentWorkers(store: Store, nowMs: number): Promise<void> {
  await store.transact(
    async (tx) => {
      const rows = await readRows(tx, prefixRange(WORKERS), { snapshot: true });
      for (const row of rows.filter((each) => heartbeatOf(each).atMs < nowMs - FORGOTTEN_MS)) {
        tx.clear(row.key);
      }
    },
    { label: "heartbeat" },
  );
}

function heartbeatOf({ value }: KeyValue): Heartbeat {
  return decodeJson(value) as Heartbeat;
}
