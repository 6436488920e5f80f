import type { ActorId } from "../formats/actor-id.ts";
import type { ActorState } from "../formats/actor-state.ts";
import { equalBytes } from "../formats/bytes.ts";
import { assertFormatError, FormatError } from "../formats/format-error.ts";
import { hasRows } from "../store/read-rows.ts";
import type { KeyValue, Transaction } from "../store/store.ts";
import type { MigrationContext } from "./context.ts";
import type { Outcome } from "./outcome.ts";
import { readActorState } from "./read-actor-state.ts";
import { sameRows, transactionRows } from "./rows.ts";
import type { ImageOrigin } from "./targets/target.ts";
import { outlineOfRows, readV1Marks, sameV1Marks, surveyV1, type V1Marks } from "./v1/survey.ts";
import type { Sidecars } from "./v1/v1-checks.ts";
import { otherRanges } from "./v1/v1-keys.ts";

/**
 * An actor after its migration, as one transaction sees it. Images are read over many transactions while the cluster lives: what was
 * found in them holds for what was seen before only if the same is seen again afterwards.
 */
export interface MigratedActor {
  /** In whichever form of v2, see `isSuperseded`. */
  readonly outcome: Outcome | undefined;
  /** Whether the outcome, and what the engine reads, is of a later form of v2 than the one that was looked at. */
  readonly isSuperseded: boolean;
  /** Undefined where v2 holds no complete image; the error where it cannot be told what v2 holds. */
  readonly v2: V2Image | FormatError | undefined;
  /** Undefined where v1 holds nothing. */
  readonly v1: V1Outline | undefined;
  readonly state: ActorState;
}

/** A complete image in v2. */
export interface V2Image {
  /** What changes whenever the image does. */
  readonly head: Uint8Array;
  readonly pages: number;
  /** `other` also where the ledger does not say that Ferry migrated the actor. */
  readonly origin: ImageOrigin;
}

/** An actor whose v2 image is there and has a head that can be read. */
export type WithImage = MigratedActor & { readonly v2: V2Image };

export function hasImage(actor: MigratedActor): actor is WithImage {
  return actor.v2 !== undefined && !(actor.v2 instanceof FormatError);
}

/** What of v1 fits any transaction. */
export interface V1Outline {
  readonly sidecars: Sidecars;
  /** Of the main file. */
  readonly metadataRows: readonly KeyValue[];
  readonly marks: V1Marks;
  /** Whether there are rows of none of SQLite's files, which no migration has looked at. */
  readonly hasOthers: boolean;
}

/** Reads it all serializably: a transaction that acts on it conflicts with whoever changes any of it. */
export async function readMigratedActor(
  { ledger, target }: Pick<MigrationContext, "ledger" | "target">,
  tx: Transaction,
  id: ActorId,
): Promise<MigratedActor> {
  const [outcome, isSuperseded, v1, state] = await Promise.all([
    ledger.read(tx, id),
    target.isSuperseded(tx, id),
    readV1Outline(tx, id),
    readActorState(tx, id),
  ]);
  const v2 = await readV2(target, tx, id, outcome);
  return { outcome, isSuperseded, v2, v1, state };
}

/**
 * Whether nothing happened to the actor between two looks. Images are not read again for that: v2's head changes with its image, and no
 * runner writes v1 without waking the actor. One that had it before is seen by its first commit, which page 1 counts, and by a journal or a
 * log that it leaves, which has a new header; not by what it commits after that. So whoever takes v1 for what it was asks `runsOnV1` as well.
 */
export function isAsSeen(before: MigratedActor, now: MigratedActor): boolean {
  return (
    before.outcome?.state === now.outcome?.state &&
    before.outcome?.finishedAt === now.outcome?.finishedAt &&
    isSameV2(before.v2, now.v2) &&
    isSameV1(before.v1, now.v1) &&
    before.state.asleep === now.state.asleep &&
    equalBytes(before.state.sleepTs, now.state.sleepTs)
  );
}

async function readV2(
  target: MigrationContext["target"],
  tx: Transaction,
  id: ActorId,
  outcome: Outcome | undefined,
): Promise<MigratedActor["v2"]> {
  try {
    const [head, pages] = await Promise.all([target.readHead(tx, id), target.readPageCount(transactionRows(tx), id)]);
    if (head === undefined || pages === undefined) {
      return undefined;
    }
    return { head, pages, origin: await readOrigin(target, tx, id, { outcome, pages }) };
  } catch (error) {
    assertFormatError(error);
    return error;
  }
}

/** An image that began as Ferry's and has other pages is what became of it: by a commit, and never none, which SQLite leaves of no database. */
async function readOrigin(
  target: MigrationContext["target"],
  tx: Transaction,
  id: ActorId,
  { outcome, pages }: { readonly outcome: Outcome | undefined; readonly pages: number },
): Promise<ImageOrigin> {
  if (outcome?.state !== "migrated" || outcome.pages === undefined || !(await target.beganAsFerrys(tx, id))) {
    return "other";
  }
  const isUntouched = await target.isUntouched(tx, id, pages);
  if (pages === outcome.pages && isUntouched) {
    return "ferry";
  }
  return isUntouched || (pages === 0 && outcome.pages > 0) ? "other" : "ferry_written_since";
}

/** Undefined where v1 holds nothing; serializable. */
export async function readV1Outline(tx: Transaction, id: ActorId): Promise<V1Outline | undefined> {
  const [survey, others, marks] = await Promise.all([
    surveyV1(tx, id, 0),
    Promise.all(otherRanges(id).map(async (range) => hasRows(tx, range))),
    readV1Marks(tx, id),
  ]);
  const besides = { marks, hasOthers: others.includes(true) };
  switch (survey.kind) {
    case "none":
      return undefined;
    case "rows":
      return { ...outlineOfRows(survey.rows), ...besides };
    case "large":
      return { ...survey, ...besides };
  }
}

export function isSameV2(before: MigratedActor["v2"], now: MigratedActor["v2"]): boolean {
  if (before instanceof FormatError) {
    return now instanceof FormatError && now.code === before.code;
  }
  return !(now instanceof FormatError) && equalBytes(before?.head, now?.head);
}

function isSameV1(before: V1Outline | undefined, now: V1Outline | undefined): boolean {
  if (before === undefined || now === undefined) {
    return before === now;
  }
  return (
    SIDECARS.every((name) => before.sidecars[name] === now.sidecars[name]) &&
    before.hasOthers === now.hasOthers &&
    sameRows(before.metadataRows, now.metadataRows) &&
    sameV1Marks(before.marks, now.marks)
  );
}

const SIDECARS = ["journal", "wal", "shm"] as const satisfies readonly (keyof Sidecars)[];
