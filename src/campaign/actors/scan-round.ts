import { fromHex, toHex } from "../../formats/bytes.ts";
import type { KeyRange, Store, Transaction } from "../../store/store.ts";
import type { Campaign } from "../campaign.ts";
import { CountMoves } from "../campaign-counts.ts";
import { cursorKey } from "../campaign-keys.ts";
import { findAgain, writeCampaign } from "../campaign-store.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import { passesFilters } from "./actor-filters.ts";
import { addTodo } from "./membership.ts";
import { readV1Actors, splitActorSpace } from "./v1-actors.ts";

/** Ranges scanned side by side. */
const SCAN_RANGES = 16;
/** Actors of each range in one round, which has to be over well within the feeder's lease, also on a slow store. */
const SCANNED_PER_TRANSACTION = 100;
const READS_PER_TRANSACTION = 1000;

/** Whether a campaign's source is still being scanned. */
export function isScanning({ spec, scanFinished }: Campaign): boolean {
  return spec.source.kind === "scan" && !scanFinished;
}

/** How far the scan of a range got: where to go on from, in hex; null when it is done, undefined when it has not begun. */
type RangeCursor = string | null | undefined;

/**
 * One round of a scanning campaign: a transaction per range that is not done, each adding the actors it finds and moving the cursor
 * with them. `guard` runs in each transaction, to stop a feeder that has lost its lease. A campaign that was deleted meanwhile has nothing
 * left to scan, and one that was created anew under its name is left alone. @returns whether the scan is finished.
 */
export async function scanRound(
  store: Store,
  campaign: Campaign,
  guard: (tx: Transaction) => Promise<void>,
): Promise<boolean> {
  const ranges = splitActorSpace(SCAN_RANGES);
  const results = await Promise.all(
    ranges.map(async (range, index) => scanPart(store, campaign, { range, index }, guard)),
  );
  const finished = results.every((next) => next === null);
  if (finished) {
    await store.transact(
      async (tx) => {
        const current = await findAgain(tx, campaign);
        if (current !== undefined) {
          writeCampaign(tx, { ...current, scanFinished: true });
        }
      },
      { label: "campaign" },
    );
  }
  return finished;
}

async function scanPart(
  store: Store,
  campaign: Campaign,
  part: { range: KeyRange; index: number },
  guard: (tx: Transaction) => Promise<void>,
): Promise<string | null> {
  const { range, index } = part;
  return store.transact(
    async (tx) => {
      await guard(tx);
      const current = await findAgain(tx, campaign, { snapshot: true });
      // Read with a conflict and moved with what it covers: a transaction that runs twice adds nothing twice.
      const at = await readCursor(tx, campaign.name, index);
      if (current === undefined || at === null) {
        return null;
      }
      const begin = (at === undefined ? undefined : fromHex(at)) ?? range.begin;
      const { actors, next } = await readV1Actors(
        tx,
        { begin, end: range.end },
        { maxActors: SCANNED_PER_TRANSACTION, maxReads: READS_PER_TRANSACTION },
      );
      const moves = new CountMoves();
      for (const actor of actors.filter((found) => passesFilters(found, current.spec.filters))) {
        addTodo(tx, current, actor, moves);
      }
      moves.write(tx, campaign.name);
      const cursor = next === undefined ? null : toHex(next);
      tx.set(cursorKey(campaign.name, index), encodeJson({ at: cursor }));
      return cursor;
    },
    { label: "campaign_scan" },
  );
}

async function readCursor(tx: Transaction, name: string, index: number): Promise<RangeCursor> {
  const row = await tx.get(cursorKey(name, index));
  return row === undefined ? undefined : (decodeJson(row) as { at: string | null }).at;
}
