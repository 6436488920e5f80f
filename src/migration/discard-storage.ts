import type { ActorId } from "../formats/actor-id.ts";
import { equalBytes } from "../formats/bytes.ts";
import type { KeyRange, Transaction } from "../store/store.ts";
import type { MigrationContext } from "./context.ts";
import { readLease } from "./lease.ts";
import type { Outcome, RejectReason } from "./outcome.ts";
import { readActorState } from "./read-actor-state.ts";
import { allRanges } from "./targets/storage/storage-rows.ts";
import { storageTarget } from "./targets/storage/storage-target.ts";
import { surveyV1 } from "./v1/survey.ts";

/**
 * Why an actor's rows in v2's older form stay.
 *
 * - `no_rows`: there are none.
 * - `not_rejected`: Depot's last look at it did not end with `storage_v2_written`; nothing asks for it.
 * - `no_v1_data`: they may be all that there is of it.
 * - `actor_awake`, `migration_in_progress`: for now.
 * - `written_meanwhile`: since they were saved.
 */
export type DiscardRefusal =
  "not_rejected" | "no_rows" | "no_v1_data" | "actor_awake" | "migration_in_progress" | "written_meanwhile";

const REASON: RejectReason = "storage_v2_written";

/**
 * Removes an actor's rows in v2's older form, sqlite-storage, so that what v1 holds can go to Depot: an operator has decided that this is
 * right, or has put there what the rows held. In one transaction that sees them, serializably, as they were saved, and says in the
 * actor's outcome, which stays a rejection, who did it.
 * @param how.save is given where the rows lie, and ends when they are safe.
 * @param how.detail who does it, and where the rows are then, for the ledger.
 * @returns why they stay; undefined when they are gone.
 */
export async function discardStorage(
  context: Pick<MigrationContext, "store" | "ledger" | "now">,
  id: ActorId,
  how: { readonly save: (ranges: readonly KeyRange[]) => Promise<void>; readonly detail: string },
): Promise<DiscardRefusal | undefined> {
  const { store, ledger } = context;
  const options = { label: "discard" };
  const seen = await store.transact((tx) => look(context, tx, id), options);
  if (typeof seen === "string") {
    return seen;
  }
  await how.save(allRanges(id));
  const finishedAt = new Date(context.now()).toISOString();
  let runs = 0;
  return store.transact(async (tx) => {
    runs += 1;
    const now = await look(context, tx, id);
    if (runs > 1 && now === "no_rows" && !isDoneByAnother(await ledger.read(tx, id), how.detail)) {
      // A commit whose result was unknown did happen.
      return undefined;
    }
    if (typeof now === "string") {
      return now;
    }
    if (!equalBytes(now.head, seen.head)) {
      return "written_meanwhile";
    }
    await storageTarget.undo(tx, id);
    ledger.write(tx, { ...now.outcome, detail: how.detail, finishedAt }, now.outcome);
    return undefined;
  }, options);
}

/** Whether somebody else has removed the rows; of an actor that was migrated since, nobody knows any more. */
function isDoneByAnother(outcome: Outcome | undefined, detail: string): boolean {
  return isToDiscard(outcome) && outcome.detail !== detail;
}

function isToDiscard(outcome: Outcome | undefined): outcome is Outcome {
  return outcome?.state === "rejected" && outcome.reason === REASON;
}

/** What asks for the rows to go, and their head, which changes with whatever the engine does to them. */
interface Discardable {
  readonly outcome: Outcome;
  readonly head: Uint8Array;
}

/** Such an actor, or why its rows stay. */
async function look(
  { ledger }: Pick<MigrationContext, "ledger">,
  tx: Transaction,
  id: ActorId,
): Promise<Discardable | DiscardRefusal> {
  const [head, outcome, lease, actor, v1] = await Promise.all([
    storageTarget.readHead(tx, id),
    ledger.read(tx, id),
    readLease(tx, id),
    readActorState(tx, id),
    surveyV1(tx, id, 0),
  ]);
  // Asked first: where they went with a commit whose result is unknown, the actor may have been migrated since.
  if (head === undefined) {
    return "no_rows";
  }
  if (!isToDiscard(outcome)) {
    return "not_rejected";
  }
  if (v1.kind === "none") {
    return "no_v1_data";
  }
  if (lease !== undefined) {
    return "migration_in_progress";
  }
  return actor.asleep ? { outcome, head } : "actor_awake";
}
