import { prefixRange, viewOf } from "../formats/bytes.ts";
import { OUTCOME_STATES, type OutcomeState } from "../migration/outcome.ts";
import type { Transaction } from "../store/store.ts";
import type { ActorStanding, CampaignActor } from "./campaign.ts";
import { countKey, countPrefix } from "./campaign-keys.ts";

/** Actors and bytes. */
export interface Tally {
  readonly actors: number;
  readonly bytes: number;
}

/** A campaign's counts: by standing while actors are on their way, by state and reason once they are done. */
export interface CampaignCounts {
  readonly todo: Tally;
  readonly open: Tally;
  readonly later: Tally;
  readonly done: Readonly<Record<OutcomeState, Tally>>;
  readonly byReason: readonly { readonly state: OutcomeState; readonly reason: string; readonly tally: Tally }[];
}

/** Where an actor is counted. */
interface Place {
  readonly state: string;
  readonly reason: string;
}

export function placeOf(actor: CampaignActor): Place {
  return actor.standing === "done"
    ? { state: actor.state ?? "failed", reason: actor.reason ?? "" }
    : { state: actor.standing, reason: "" };
}

/**
 * Moves an actor from one place to another in the counts, with atomic adds: they cannot conflict, and cannot drift from the rows
 * that the same transaction writes. `from` undefined: the actor joins; `to` undefined: it leaves.
 */
export function moveCount(
  tx: Transaction,
  name: string,
  bytes: number,
  move: { from: Place | undefined; to: Place | undefined },
): void {
  const { from, to } = move;
  const add = (place: Place, sign: bigint): void => {
    tx.add(countKey(name, "actors", place.state, place.reason), sign);
    if (bytes !== 0) {
      tx.add(countKey(name, "bytes", place.state, place.reason), sign * BigInt(bytes));
    }
  };
  if (from !== undefined) {
    add(from, -1n);
  }
  if (to !== undefined) {
    add(to, 1n);
  }
}

/** Reads all counts; a snapshot, so that no writer ever waits for a reader. */
export async function readCounts(tx: Transaction, name: string): Promise<CampaignCounts> {
  const tallies = new Map<string, { actors: number; bytes: number }>();
  const prefix = countPrefix(name);
  for await (const batch of tx.getRange(prefixRange(prefix), { snapshot: true })) {
    for (const { key, value } of batch) {
      const [kind = "", state = "", reason = ""] = stringsOf(key.subarray(prefix.length));
      const place = `${state}/${reason}`;
      const tally = tallies.get(place) ?? { actors: 0, bytes: 0 };
      tally[kind === "bytes" ? "bytes" : "actors"] = Number(viewOf(value).getBigInt64(0, true));
      tallies.set(place, tally);
    }
  }
  return countsOf(tallies);
}

function countsOf(tallies: ReadonlyMap<string, Tally>): CampaignCounts {
  const none: Tally = { actors: 0, bytes: 0 };
  const standing = (name: Exclude<ActorStanding, "done">): Tally => tallies.get(`${name}/`) ?? none;
  const byReason: { state: OutcomeState; reason: string; tally: Tally }[] = [];
  const done: Record<OutcomeState, Tally> = {
    migrated: none,
    skipped: none,
    rejected: none,
    deferred: none,
    failed: none,
  };
  for (const [place, tally] of tallies) {
    const [stateName = "", reason = ""] = place.split("/");
    const state = OUTCOME_STATES.find((known) => known === stateName);
    if (state !== undefined && tally.actors !== 0) {
      byReason.push({ state, reason, tally });
      done[state] = { actors: done[state].actors + tally.actors, bytes: done[state].bytes + tally.bytes };
    }
  }
  return { todo: standing("todo"), open: standing("open"), later: standing("later"), done, byReason };
}

/** Actors done with, and the bad ones among them. */
export function finishedAndBad(counts: CampaignCounts): { finished: number; bad: number } {
  const finished = OUTCOME_STATES.reduce((sum, state) => sum + counts.done[state].actors, 0);
  return { finished, bad: counts.done.rejected.actors + counts.done.failed.actors };
}

/** The strings of a packed tuple of plain strings: 02 | text | 00 each. */
function stringsOf(packed: Uint8Array): string[] {
  return Buffer.from(packed)
    .toString("latin1")
    .split("\0")
    .slice(0, -1)
    .map((item) => item.slice(1));
}
