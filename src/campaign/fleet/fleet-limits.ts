import type { ReadOptions, Store, Transaction } from "../../store/store.ts";
import { FLEET } from "../campaign-keys.ts";
import { addHistoryOnce, historyPlace, type Author } from "../campaign-history.ts";
import { readCampaigns } from "../campaign-store.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import { withoutUndefined, type Limits } from "../limits.ts";

/** Limits for all of Ferry; absent: none. `untilMs`: when they end by themselves. */
export interface FleetLimits extends Limits {
  readonly untilMs?: number;
  readonly setBy?: string;
  readonly reason?: string;
}

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
