import { prefixRange } from "../../formats/bytes.ts";
import { readRows } from "../../store/read-rows.ts";
import type { KeyValue, ReadOptions, Store, Transaction } from "../../store/store.ts";
import { FLEET, workerKey, WORKERS } from "../campaign-keys.ts";
import { addHistoryOnce, historyPlace, readCampaigns, type Author } from "../campaign-store.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import { withoutUndefined, type Limits } from "../limits.ts";

/** Limits for all of Ferry; absent: none. `untilMs`: when they end by themselves. */
export interface FleetLimits extends Limits {
  readonly untilMs?: number;
  readonly setBy?: string;
  readonly reason?: string;
}

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

/** The limits in force now. */
export async function readFleetLimits(
  tx: Transaction,
  nowMs: number,
  options: ReadOptions = { snapshot: true },
): Promise<FleetLimits> {
  const row = await tx.get(FLEET, options);
  const limits: FleetLimits = row === undefined ? {} : decodeJson(row);
  return limits.untilMs !== undefined && limits.untilMs <= nowMs ? {} : limits;
}

/** New limits, undefined lifts one, absent ones stay; and their end, for all of them together. */
export type FleetPatch = Partial<Record<keyof Limits | "untilMs", number | undefined>>;

/**
 * Changes the limits, or lifts them all, and says so in the history of every campaign that is not over: theirs is the pace that
 * changes. @returns the limits in force now.
 */
export async function changeFleetLimits(
  store: Store,
  patch: FleetPatch | "clear",
  { who, reason }: Author,
  nowMs: number,
): Promise<FleetLimits> {
  const place = historyPlace();
  return store.transact(
    async (tx) => {
      // Read with a conflict: two who change different limits at once both have their way.
      const { setBy: _by, reason: _why, ...before } = await readFleetLimits(tx, nowMs, {});
      const after = patch === "clear" ? {} : withoutUndefined({ ...before, untilMs: undefined, ...patch });
      const limits = { ...after, setBy: who, ...(reason === undefined ? {} : { reason }) };
      if (patch === "clear") {
        tx.clear(FLEET);
      } else {
        tx.set(FLEET, encodeJson(limits));
      }
      for (const { name, finishedAtMs } of await readCampaigns(tx)) {
        if (finishedAtMs === undefined) {
          const why = reason === undefined ? {} : { reason };
          await addHistoryOnce(tx, name, { atMs: nowMs, who, what: "throttle", before, after, ...why }, place);
        }
      }
      return patch === "clear" ? {} : limits;
    },
    { label: "fleet" },
  );
}

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
      for (const row of rows.filter((each) => heartbeatOf(each).atMs < nowMs - 3_600_000)) {
        tx.clear(row.key);
      }
    },
    { label: "heartbeat" },
  );
}

function heartbeatOf({ value }: KeyValue): Heartbeat {
  return decodeJson(value) as Heartbeat;
}
