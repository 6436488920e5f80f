import { prefixRange, viewOf } from "../formats/bytes.ts";
import { unpackTuple } from "../formats/tuple.ts";
import { OUTCOME_STATES, type OutcomeState } from "../migration/outcome.ts";
import { readRows } from "../store/read-rows.ts";
import type { Transaction } from "../store/store.ts";
import type { ActorStanding, CampaignActor } from "./campaign.ts";
import { countKey, countPrefix } from "./campaign-keys.ts";
import { isReject } from "./rejects/rejects.ts";

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
  /** Actors that a job found bad, and that are counted as something else since they were asked for again or waived. */
  readonly mended: number;
  /** Actors that a job migrated, rejected or failed, and that an operator has since made skipped or deferred ones. */
  readonly withdrawn: number;
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

/** From one place to another; `from` undefined: the actor joins; `to` undefined: it leaves. */
export interface CountMove {
  readonly from: Place | undefined;
  readonly to: Place | undefined;
}

/**
 * Moves an actor from one place to another in the counts, with atomic adds: they cannot conflict, and cannot drift from the rows
 * that the same transaction writes.
 */
export function moveCount(tx: Transaction, name: string, bytes: number, move: CountMove): void {
  const moves = new CountMoves();
  moves.add(bytes, move);
  moves.write(tx, name);
}

/** Moves of many actors in one transaction, as one add per place: hundreds of adds to the same few keys were most of its cost. */
export class CountMoves {
  readonly #changes = new Map<string, { readonly place: Place; actors: bigint; bytes: bigint }>();

  add(bytes: number, { from, to }: CountMove): void {
    this.#change(from, -1n, bytes);
    this.#change(to, 1n, bytes);
  }

  /** Adds what was gathered; call it once, at the end of the transaction's body. */
  write(tx: Transaction, name: string): void {
    for (const { place, actors, bytes } of this.#changes.values()) {
      for (const [kind, amount] of [["actors", actors] as const, ["bytes", bytes] as const]) {
        if (amount !== 0n) {
          tx.add(countKey(name, kind, place.state, place.reason), amount);
        }
      }
    }
  }

  #change(place: Place | undefined, sign: bigint, bytes: number): void {
    if (place === undefined) {
      return;
    }
    const key = `${place.state}/${place.reason}`;
    const change = this.#changes.get(key) ?? { place, actors: 0n, bytes: 0n };
    change.actors += sign;
    change.bytes += sign * BigInt(bytes);
    this.#changes.set(key, change);
  }
}

/** Reads all counts; a snapshot, so that no writer ever waits for a reader. */
export async function readCounts(tx: Transaction, name: string): Promise<CampaignCounts> {
  const tallies = new Map<string, { actors: number; bytes: number }>();
  const prefix = countPrefix(name);
  for (const { key, value } of await readRows(tx, prefixRange(prefix), { snapshot: true })) {
    const [kind, state, reason] = unpackTuple(key.subarray(prefix.length)).map(String);
    const place = `${state ?? ""}/${reason ?? ""}`;
    const tally = tallies.get(place) ?? { actors: 0, bytes: 0 };
    tally[kind === "bytes" ? "bytes" : "actors"] = Number(viewOf(value).getBigInt64(0, true));
    tallies.set(place, tally);
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
  const actorsAt = ({ state, reason }: Place): number => tallies.get(`${state}/${reason}`)?.actors ?? 0;
  const [mended, withdrawn] = [actorsAt(MENDED), actorsAt(WITHDRAWN)];
  return {
    todo: standing("todo"),
    open: standing("open"),
    later: standing("later"),
    done,
    mended,
    withdrawn,
    byReason,
  };
}

/** Actors done with, and those of them that a job of the campaign found bad, whatever an operator has had done about them later. */
export function finishedAndBad(counts: CampaignCounts): { finished: number; bad: number } {
  const finished = OUTCOME_STATES.reduce((sum, state) => sum + counts.done[state].actors, 0);
  return { finished, bad: counts.done.rejected.actors + counts.done.failed.actors + counts.mended };
}

/**
 * What the circuit breaker goes by: actors that a job of the campaign migrated, rejected or failed, and the bad ones among them, whatever an
 * operator has had done about them later. Skipped actors, and those given up as deferred, were not tried. Were they counted, a campaign of
 * which most is migrated already would never trip the breaker.
 */
export function breakerCounts({ done, mended, withdrawn }: CampaignCounts): { finished: number; bad: number } {
  const bad = done.rejected.actors + done.failed.actors;
  return { finished: done.migrated.actors + bad + withdrawn, bad: bad + mended };
}

const MENDED: Place = { state: "mended", reason: "" };
const WITHDRAWN: Place = { state: "withdrawn", reason: "" };

/**
 * Keeps the circuit breaker's counts right when an actor that is done with gets another result: asked for again, waived or taken back. The
 * breaker looks at what has become bad since the campaign was resumed; without this it would miss as many new ones as were mended, or take as
 * many old ones for new.
 */
export function countMended(
  tx: Transaction,
  name: string,
  from: CampaignActor,
  to: Pick<CampaignActor, "state">,
): void {
  for (const [place, counts] of [[MENDED, isReject] as const, [WITHDRAWN, isTried] as const]) {
    const change = BigInt(counts(from)) - BigInt(counts(to));
    if (change !== 0n) {
      tx.add(countKey(name, "actors", place.state, place.reason), change);
    }
  }
}

/** Whether the circuit breaker counts it. */
function isTried(actor: Pick<CampaignActor, "state">): boolean {
  return actor.state === "migrated" || isReject(actor);
}
