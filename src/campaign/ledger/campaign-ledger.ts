import type { ActorId } from "../../formats/actor-id.ts";
import { u64be } from "../../formats/bytes.ts";
import type { OutcomeLedger } from "../../migration/context.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { Transaction } from "../../store/store.ts";
import type { Campaign, CampaignActor } from "../campaign.ts";
import { actorKey, laterKey, openKey, todoKey } from "../campaign-keys.ts";
import { countMended, moveCount, placeOf } from "../campaign-counts.ts";
import { findCampaign } from "../campaign-store.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import { ledger } from "./ledger.ts";

/** First wait of a deferred actor; it doubles with every deferral up to the last. */
const FIRST_DELAY_MS = 5_000;
const LAST_DELAY_MS = 600_000;

/** How long after its n-th deferral, from 1, an actor is tried again. */
export function deferDelayMs(deferrals: number): number {
  return Math.min(FIRST_DELAY_MS * 2 ** Math.max(0, deferrals - 1), LAST_DELAY_MS);
}

/** Reads an actor's row in a campaign, serializably. */
export async function readCampaignActor(
  tx: Transaction,
  name: string,
  id: ActorId,
): Promise<CampaignActor | undefined> {
  const row = await tx.get(actorKey(name, id));
  return row === undefined ? undefined : (decodeJson(row) as CampaignActor);
}

/** Moves an actor within a campaign: its row, the rows that find it by standing, and the counts, together. */
export function moveActor(
  tx: Transaction,
  name: string,
  id: ActorId,
  move: { from: CampaignActor; to: CampaignActor; nowMs: number },
): void {
  const { from, to } = move;
  moveActorRows(tx, name, id, move);
  moveCount(tx, name, to.bytes, { from: placeOf(from), to: placeOf(to) });
}

/** As `moveActor`, without the counts: for many actors in one transaction, which counts them together. */
export function moveActorRows(
  tx: Transaction,
  name: string,
  id: ActorId,
  move: { from: CampaignActor; to: CampaignActor; nowMs: number },
): void {
  const { from, to, nowMs } = move;
  if (from.standing !== "done") {
    tx.clear(standingKey(name, id, from));
  }
  switch (to.standing) {
    case "todo":
      tx.set(standingKey(name, id, to), u64be(BigInt(to.bytes)));
      break;
    case "open":
      tx.set(standingKey(name, id, to), u64be(BigInt(nowMs)));
      break;
    case "later":
      tx.set(standingKey(name, id, to), new Uint8Array(0));
      break;
    case "done":
      break;
  }
  tx.set(actorKey(name, id), encodeJson(to));
}

/**
 * The ledger of one job of a campaign: keeps the actor's outcome and the campaign's counts in the same transaction.
 * `now` is the job's clock, which it starts with: an outcome's own time is that of its attempt's beginning, and says no duration.
 */
export function campaignLedger(name: string, now: () => number): OutcomeLedger {
  const startedAtMs = now();
  const seen = new WeakMap<Transaction, { actor: CampaignActor | undefined; campaign: Campaign | undefined }>();
  return {
    async read(tx, id) {
      const [previous, actor, campaign] = await Promise.all([
        ledger.read(tx, id),
        readCampaignActor(tx, name, id),
        findSpec(tx, name),
      ]);
      seen.set(tx, { actor, campaign });
      return previous;
    },
    write(tx, outcome, previous) {
      ledger.write(tx, outcome, previous);
      const { actor, campaign } = seen.get(tx) ?? { actor: undefined, campaign: undefined };
      if (actor === undefined || campaign === undefined || actor.standing === "done") {
        // Not fed by this campaign, or a job that ran twice: its first result counts.
        return;
      }
      if (isSameDeferral(outcome, previous)) {
        // A commit whose result was unknown did happen, and put the actor off; it may even have been fed again since.
        return;
      }
      const finishedAtMs = now();
      const to = standingAfter(actor, outcome, { already: outcome === previous, campaign, startedAtMs, finishedAtMs });
      moveActor(tx, name, outcome.actorId, { from: actor, to, nowMs: finishedAtMs });
    },
  };
}

/**
 * Whether a deferral is of the attempt that recorded the last one: all runs of a transaction give one time, and two attempts at one actor
 * are not made in one millisecond. Where the actor stands does not tell: a job that ran twice can defer it twice.
 */
function isSameDeferral(outcome: Outcome, previous: Outcome | undefined): boolean {
  return (
    outcome.state === "deferred" &&
    previous?.state === "deferred" &&
    previous.finishedAt === outcome.finishedAt &&
    previous.campaign === outcome.campaign
  );
}

/** The campaign's row changes with its state; a job only needs its specification, so it must not conflict with that. */
async function findSpec(tx: Transaction, name: string): Promise<Campaign | undefined> {
  return findCampaign(tx, name, { snapshot: true });
}

function standingAfter(
  actor: CampaignActor,
  outcome: Outcome,
  facts: { already: boolean; campaign: Campaign; startedAtMs: number; finishedAtMs: number },
): CampaignActor {
  const { lane, bytes, feeds } = actor;
  const deferrals = actor.deferrals + (outcome.state === "deferred" ? 1 : 0);
  if (outcome.state === "deferred" && deferrals <= facts.campaign.spec.deferLimit) {
    const dueMs = facts.finishedAtMs + deferDelayMs(deferrals);
    return { standing: "later", lane, bytes, feeds, deferrals, dueMs };
  }
  return { standing: "done", lane, bytes, feeds, deferrals, ...resultOf(outcome, facts) };
}

/** What a campaign counts of an actor that it is done with. */
export type Result = Pick<CampaignActor, "state" | "reason" | "durationMs" | "finishedAtMs" | "takenBack">;

/** The result that a job's outcome is. `already`: nothing new was found, and what is recorded is not of this campaign. */
export function resultOf(
  outcome: Outcome,
  facts: { already: boolean; startedAtMs: number; finishedAtMs: number },
): Result {
  const { finishedAtMs } = facts;
  const durationMs = Math.max(0, finishedAtMs - facts.startedAtMs);
  // Ferry had migrated it before this campaign came to it: the ledger keeps that, the campaign counts a skip.
  if (facts.already && outcome.state === "migrated") {
    return { state: "skipped", reason: "already_migrated", durationMs, finishedAtMs };
  }
  const { state, reason } = outcome;
  return { state, ...(reason === undefined ? {} : { reason }), durationMs, finishedAtMs };
}

/**
 * Has a campaign count another result of an actor that it is done with: what an operator had done about it later. An actor that it is not
 * done with, or that it does not have because it was deleted, stays as it is.
 */
export function replaceResult(
  tx: Transaction,
  name: string,
  id: ActorId,
  { from, to }: { from: CampaignActor | undefined; to: Result },
): void {
  if (from?.standing === "done") {
    const { reason: _, takenBack: __, ...rest } = from;
    countMended(tx, name, from, to);
    moveActor(tx, name, id, { from, to: { ...rest, ...to }, nowMs: to.finishedAtMs ?? 0 });
  }
}

function standingKey(name: string, id: ActorId, actor: CampaignActor): Uint8Array {
  switch (actor.standing) {
    case "todo":
      return todoKey(name, actor.lane, id);
    case "open":
    case "done":
      return openKey(name, id);
    case "later":
      return laterKey(name, actor.dueMs ?? 0, id);
  }
}
