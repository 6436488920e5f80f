import { prefixRange } from "../formats/bytes.ts";
import { readRows } from "../store/read-rows.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { Campaign } from "./campaign.ts";
import { historyKey, historyPrefix } from "./campaign-keys.ts";
import { findAgain, readCampaign } from "./campaign-store.ts";
import { decodeJson, encodeJson } from "./json-row.ts";

/** Who asks for a change, and why. */
export interface Author {
  readonly who: string;
  readonly reason?: string;
}

/** One line of a campaign's history. */
export interface HistoryEntry {
  readonly atMs: number;
  readonly who: string;
  readonly what: string;
  readonly reason?: string;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** Adds an entry; `place` keeps apart what happens in one millisecond. */
export function addHistory(tx: Transaction, name: string, entry: HistoryEntry, place = historyPlace()): void {
  tx.set(historyKey(name, entry.atMs, place), encodeJson(entry));
}

/**
 * The same in a body that finds, after a commit whose result was unknown, the change made, and would tell of one that changed nothing: the entry
 * that is there stays. `place`: the same each time that the body runs.
 */
export async function addHistoryOnce(tx: Transaction, name: string, entry: HistoryEntry, place: number): Promise<void> {
  if ((await tx.get(historyKey(name, entry.atMs, place))) === undefined) {
    addHistory(tx, name, entry, place);
  }
}

/** Two changes in one millisecond are two rows: the number only keeps them apart. */
export function historyPlace(): number {
  return Math.floor(Math.random() * 1_000_000);
}

/** Adds what changes nothing of the campaign itself to its history; nothing where it was deleted meanwhile. */
export async function noteInHistory(
  store: Store,
  campaign: Pick<Campaign, "name" | "createdAtMs">,
  entry: HistoryEntry,
): Promise<void> {
  // The same each time that the body runs: a commit whose result was unknown must not become two entries.
  const place = historyPlace();
  await store.transact(
    async (tx) => {
      if ((await findAgain(tx, campaign)) !== undefined) {
        addHistory(tx, campaign.name, entry, place);
      }
    },
    { label: "campaign" },
  );
}

export async function readCampaignHistory(store: Store, name: string): Promise<HistoryEntry[]> {
  return store.transact(
    async (tx) => {
      await readCampaign(tx, name);
      const rows = await readRows(tx, prefixRange(historyPrefix(name)), { snapshot: true });
      return rows.map(({ value }) => decodeJson(value) as HistoryEntry);
    },
    { label: "campaign" },
  );
}
