import type { ActorState } from "../formats/actor-state.ts";
import { FormatError, formatErrorOf } from "../formats/format-error.ts";
import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import { readLease, type HeldLease } from "./lease.ts";
import type { Outcome } from "./outcome.ts";
import { readActorState } from "./read-actor-state.ts";
import { discardForeignStage, holdsForeignStage } from "./targets/foreign-stage.ts";
import type { V2State } from "./targets/target.ts";

/** What surrounds an actor's v1 data, read serializably in one transaction. */
export interface Surroundings {
  /** What v2 holds, or the error that says why it cannot be read. */
  readonly v2: V2State | FormatError;
  readonly lease: HeldLease | undefined;
  /** Whether the lease names an unfinished stage of an earlier attempt of Ferry's, which nobody else has touched. */
  readonly ownStage: boolean;
  /** Whether it names one of the other form of v2 instead. */
  readonly foreignStage: boolean;
  readonly actor: ActorState;
  readonly previous: Outcome | undefined;
  /** Whether v2 had an image that Ferry brought there, and has none any more. */
  readonly isGone: boolean;
}

export async function readSurroundings({ context, id }: Attempt, tx: Transaction): Promise<Surroundings> {
  const { target } = context;
  const [state, lease, actor, previous] = await Promise.all([
    target.readState(tx, id).catch(formatErrorOf),
    readLease(tx, id),
    readActorState(tx, id),
    context.ledger.read(tx, id),
  ]);
  // Nobody reads what would be written here, and the outcome would name it in place of the image that Ferry brought to the other form. Who
  // has no outcome was never brought anywhere, which is nearly everybody.
  const isSuperseded = previous !== undefined && (await target.isSuperseded(tx, id));
  const v2: V2State | FormatError = isSuperseded ? { kind: "migrated" } : state;
  const stage = lease?.lease?.head;
  const isOwn = stage !== undefined && target.isStage(v2, stage);
  const ownStage = isOwn && (await target.holdsStage(tx, id, stage));
  const foreignStage = stage !== undefined && !isOwn && (await holdsForeignStage(tx, id, stage));
  const isGone = previous !== undefined && hasNoImage(v2) && (await target.hadImage(tx, id, previous));
  return { v2, lease, ownStage, foreignStage, actor, previous, isGone };
}

function hasNoImage(v2: V2State | FormatError): boolean {
  return !(v2 instanceof FormatError) && (v2.kind === "absent" || v2.kind === "migrating");
}

/** Removes what an earlier attempt of Ferry's staged, in whichever form of v2, and did not switch to. */
export function discardOwnStage(
  { context, id }: Attempt,
  tx: Transaction,
  { lease, ownStage, foreignStage }: Pick<Surroundings, "lease" | "ownStage" | "foreignStage">,
): void {
  const stage = lease?.lease?.head;
  if (stage === undefined) {
    return;
  }
  if (ownStage) {
    context.target.discardStage(tx, id, stage);
  } else if (foreignStage) {
    discardForeignStage(tx, id, stage);
  }
}
