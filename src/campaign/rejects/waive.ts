import type { ActorId } from "../../formats/actor-id.ts";
import { prefixRange } from "../../formats/bytes.ts";
import { ferryKey } from "../../migration/ferry-keys.ts";
import type { Outcome } from "../../migration/outcome.ts";
import { readRows } from "../../store/read-rows.ts";
import type { Store, Transaction } from "../../store/store.ts";
import { readCampaignActor, replaceResult } from "../ledger/campaign-ledger.ts";
import { decodeJson, encodeJson } from "../json-row.ts";
import { ledger } from "../ledger/ledger.ts";
import { isReject } from "./rejects.ts";

/*
 * An operator's decision to leave an actor on v1, in rows of Ferry's own:
 *
 *   ("ferry", "waiver", id)                      the decision that holds, with the outcome it was made about; JSON
 *   ("ferry", "waiver_history", id, at, action)  every decision there was, and every taking back; JSON
 *
 * In the same transaction the actor's outcome becomes `skipped waived`, in the ledger and in its campaign's counts. So nothing that
 * counts rejections (lists, groups, exit statuses, reports) needs to know of waivers; the rejection itself is in the history. Only the
 * circuit breaker goes by what jobs have found, see `countMended`.
 */

/** Who decided, when (RFC 3339), and why. */
export interface Decision {
  readonly who: string;
  readonly at: string;
  readonly why: string;
}

/** A waiver that holds. */
export interface Waiver extends Decision {
  /** What was waived. */
  readonly outcome: Outcome;
}

/** An entry of an actor's history of decisions. */
export interface WaiverEvent extends Decision {
  readonly action: "waived" | "unwaived";
}

/** `not_rejected`: its last outcome is neither rejected nor failed, and so there is nothing to waive. */
export type WaiveResult = "waived" | "already_waived" | "not_rejected";
/** `unwaived_only`: another outcome has come since, which stands. */
export type UnwaiveResult = "unwaived" | "unwaived_only" | "not_waived";

const waiverKey = (id: ActorId): Uint8Array => ferryKey("waiver", id);

/** Leaves a rejected or failed actor on v1. Jobs of it that are under way or come later skip it. */
export async function waiveActor(store: Store, id: ActorId, decision: Decision): Promise<WaiveResult> {
  let runs = 0;
  return store.transact(
    async (tx) => {
      runs += 1;
      const [waiver, outcome] = await Promise.all([readWaiverIn(tx, id), ledger.read(tx, id)]);
      if (waiver !== undefined && outcome?.reason === "waived") {
        // A commit whose result was unknown did happen, where it is this very decision.
        return runs > 1 && waiver.at === decision.at && waiver.who === decision.who ? "waived" : "already_waived";
      }
      if (outcome === undefined || !isReject(outcome)) {
        return "not_rejected";
      }
      const { attempts, campaign } = outcome;
      const waived: Outcome = {
        actorId: id,
        state: "skipped",
        reason: "waived",
        detail: `${decision.why} (${decision.who}; was ${outcome.state} ${outcome.reason ?? ""})`,
        attempts,
        ...(campaign === undefined ? {} : { campaign }),
        finishedAt: decision.at,
      };
      ledger.write(tx, waived, outcome);
      await moveInCampaign(tx, outcome, waived);
      tx.set(waiverKey(id), encodeJson({ ...decision, outcome }));
      record(tx, id, { action: "waived", ...decision });
      return "waived";
    },
    { label: "waive" },
  );
}

/** Takes a waiver back: the actor is again what it was when it was waived, unless something newer is recorded. */
export async function unwaiveActor(store: Store, id: ActorId, decision: Decision): Promise<UnwaiveResult> {
  let runs = 0;
  return store.transact(
    async (tx) => {
      runs += 1;
      const [waiver, outcome] = await Promise.all([readWaiverIn(tx, id), ledger.read(tx, id)]);
      if (waiver === undefined) {
        // A commit whose result was unknown did happen, where this very event is there.
        const isDone = runs > 1 && (await tx.get(eventKey(id, { action: "unwaived", ...decision }))) !== undefined;
        const stands = outcome !== undefined && isReject(outcome) ? "unwaived" : "unwaived_only";
        return isDone ? stands : "not_waived";
      }
      tx.clear(waiverKey(id));
      record(tx, id, { action: "unwaived", ...decision });
      if (outcome?.reason !== "waived") {
        return "unwaived_only";
      }
      ledger.write(tx, waiver.outcome, outcome);
      // It is the last outcome again, and so no history.
      tx.clear(ferryKey("history", id, waiver.outcome.finishedAt));
      await moveInCampaign(tx, outcome, waiver.outcome);
      return "unwaived";
    },
    { label: "waive" },
  );
}

/** The waiver of an actor that holds, and all decisions about it, oldest first. */
export async function readWaivers(
  store: Store,
  id: ActorId,
): Promise<{ waiver: Waiver | undefined; events: WaiverEvent[] }> {
  return store.transact(
    async (tx) => {
      const rows = await readRows(tx, prefixRange(ferryKey("waiver_history", id)), { snapshot: true });
      const events = rows.map(({ value }) => decodeJson(value) as WaiverEvent);
      return { waiver: await readWaiverIn(tx, id), events };
    },
    { label: "waive" },
  );
}

async function readWaiverIn(tx: Transaction, id: ActorId): Promise<Waiver | undefined> {
  const row = await tx.get(waiverKey(id));
  return row === undefined ? undefined : (decodeJson(row) as Waiver);
}

function record(tx: Transaction, id: ActorId, event: WaiverEvent): void {
  tx.set(eventKey(id, event), encodeJson(event));
}

function eventKey(id: ActorId, { at, action }: WaiverEvent): Uint8Array {
  return ferryKey("waiver_history", id, at, action);
}

/**
 * The campaign whose rejection it is counts the new result instead; one that has another by now, or is deleted, stays as it is. It is named by
 * `to`: a waived outcome that is taken back may be of a later campaign, which has only skipped the actor.
 */
async function moveInCampaign(tx: Transaction, from: Outcome, to: Outcome): Promise<void> {
  const name = to.campaign;
  const actor = name === undefined ? undefined : await readCampaignActor(tx, name, from.actorId);
  if (name === undefined || actor?.state !== from.state || actor.reason !== from.reason) {
    return;
  }
  const reason = to.reason === undefined ? {} : { reason: to.reason };
  replaceResult(tx, name, from.actorId, { from: actor, to: { state: to.state, ...reason } });
}
