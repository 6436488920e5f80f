import { prefixRange, viewOf } from "../../formats/bytes.ts";
import { unpackTuple } from "../../formats/tuple.ts";
import { readRows } from "../../store/read-rows.ts";
import type { Store, Transaction } from "../../store/store.ts";
import { activityKey, activityPrefix } from "../campaign-keys.ts";

/** Milliseconds of workers' slots by campaign and activity. */
export type ActivityTimes = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Adds workers' time to their campaigns; atomic, so that no worker waits for another. */
export async function addActivity(store: Store, times: ActivityTimes): Promise<void> {
  if (times.size === 0) {
    return;
  }
  await store.transact(
    (tx) => {
      for (const [campaign, activities] of times) {
        for (const [activity, ms] of activities) {
          tx.add(activityKey(campaign, activity), BigInt(Math.round(ms)));
        }
      }
      return Promise.resolve();
    },
    // What is not booked now is booked with what comes next: a worker that stops must not wait long for that.
    { label: "activity", timeoutMs: 10_000 },
  );
}

/** Milliseconds by activity since the campaign began. */
export async function readActivity(tx: Transaction, campaign: string): Promise<Map<string, number>> {
  const prefix = activityPrefix(campaign);
  const times = new Map<string, number>();
  for (const { key, value } of await readRows(tx, prefixRange(prefix), { snapshot: true })) {
    const [name] = unpackTuple(key.subarray(prefix.length));
    times.set(String(name), Number(viewOf(value).getBigInt64(0, true)));
  }
  return times;
}
