import { FormatError } from "../formats/format-error.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { KeyValue, Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationOptions } from "./context.ts";
import type { LargeOutline } from "./image-source.ts";
import type { Verdict } from "./outcome.ts";
import { reasonNotToMigrate, reasonNotToStage, reasonOfOperator } from "./reasons.ts";
import { smallImageOf, type SmallImage } from "./small-image.ts";
import { readSurroundings, type Surroundings } from "./surroundings.ts";
import type { Claim, ImageOutline, V2State } from "./targets/target.ts";
import { mainMetadata, outlineOfRows, surveyV1, type V1Survey } from "./v1/survey.ts";
import { mainFileBytes, needsRecovery } from "./v1/v1-checks.ts";
import { rejectionOf } from "./verdict.ts";

/*
 * What the first transaction of an attempt sees, and what follows from it. A migration acts on the decision and a dry run reports it, so the
 * two cannot disagree.
 */

/** An actor as one transaction sees it. */
export interface FirstLook {
  readonly v1: V1Survey;
  readonly surroundings: Surroundings;
}

/** What is to be done about an actor. */
export type Decision = { readonly kind: "verdict"; readonly verdict: Verdict } | SmallDecision | LargeDecision;

/** To migrate the actor in this transaction, which has its whole image. */
export interface SmallDecision extends Admission {
  readonly kind: "small";
  readonly image: SmallImage;
}

/** To stage the actor's image over many transactions. */
export interface LargeDecision extends Admission {
  readonly kind: "large";
  readonly outline: LargeOutline;
  /** The rows of the main file's metadata entry. */
  readonly metadataRows: readonly KeyValue[];
}

/** That the target takes the image. */
interface Admission {
  readonly claim: Claim;
  /** Whether what many actors share is there; else `Target.prepare` has to make it before the image can be written. */
  readonly isPrepared: boolean;
}

/** Reads what the decision depends on, serializably. */
export async function lookAt(attempt: Attempt, tx: Transaction): Promise<FirstLook> {
  const { context, id, options } = attempt;
  context.observer.enter("read");
  const [v1, surroundings] = await Promise.all([
    surveyV1(tx, id, options.smallImageBytes),
    readSurroundings(attempt, tx),
  ]);
  context.observer.enter("check");
  return { v1, surroundings };
}

/**
 * Decides from what was read; reads nothing itself. Checks are made in FORMATS' order, and the target is asked last.
 * @throws FormatError whose code is the reject reason.
 */
export function decide(attempt: Attempt, { v1, surroundings }: FirstLook, nowMs: number): Decision {
  const { id, options } = attempt;
  if (v1.kind === "none") {
    return { kind: "verdict", verdict: verdictWithoutV1(surroundings, options) };
  }
  const verdict = reasonNotToMigrate(surroundings, options, nowMs);
  if (verdict !== undefined) {
    return { kind: "verdict", verdict };
  }
  const image = v1.kind === "large" ? undefined : smallImageOf(id, v1.rows, options);
  if (image === undefined) {
    return decideLarge(attempt, v1, surroundings);
  }
  const outline = { pageCount: image.pages.length, recovered: false };
  const admission = admissionOf(attempt, surroundings, outline);
  return "kind" in admission ? admission : { kind: "small", image, ...admission };
}

/** There is nothing to migrate; where the target found the actor's data in a form that it does not take over, that is not the end of it. */
function verdictWithoutV1({ v2, previous }: Surroundings, options: MigrationOptions): Verdict {
  return v2 instanceof FormatError && v2.code === "storage_v2_written"
    ? (reasonOfOperator(previous, options) ?? rejectionOf(v2))
    : { state: "skipped", reason: "no_v1_data" };
}

function decideLarge(attempt: Attempt, v1: Exclude<V1Survey, { kind: "none" }>, surroundings: Surroundings): Decision {
  const { id, options } = attempt;
  const { sidecars, metadataRows } = v1.kind === "large" ? v1 : outlineOfRows(v1.rows);
  const recovered = needsRecovery(sidecars, options);
  const mainBytes = mainFileBytes(mainMetadata(id, metadataRows), options.maxImageBytes);
  const unprovable = reasonNotToStage(surroundings.actor);
  if (unprovable !== undefined) {
    return { kind: "verdict", verdict: unprovable };
  }
  // Recovery can change the size; the switch asks again with the size it came to.
  const admission = admissionOf(attempt, surroundings, { pageCount: Math.ceil(mainBytes / PAGE_BYTES), recovered });
  const outline = { mainBytes, ...(recovered ? { sidecars } : {}) };
  return "kind" in admission ? admission : { kind: "large", outline, metadataRows, ...admission };
}

/** What the target says of such an image. @throws FormatError whose code is the reject reason. */
function admissionOf(
  { context }: Attempt,
  { v2, isGone }: Surroundings,
  image: ImageOutline,
): Admission | { readonly kind: "verdict"; readonly verdict: Verdict } {
  if (v2 instanceof FormatError) {
    throw v2;
  }
  const verdict = context.target.admit(v2, image);
  return verdict === undefined
    ? { claim: claimOf(v2, isGone), isPrepared: v2.kind !== "unprepared" }
    : { kind: "verdict", verdict };
}

const NO_CLAIM: Claim = {};
/** v1 is what is left, and what the engine itself would take; but nobody asked for a database to become an older one. */
const MIGRATED_AGAIN =
  "Ferry had migrated the actor before, and v2 held nothing of that any more: v1 was migrated again, without what was written to v2 since. See docs/runbooks/already_migrated.md.";

function claimOf(v2: V2State, isGone: boolean): Claim {
  const claim = v2.kind === "absent" ? v2 : NO_CLAIM;
  if (!isGone) {
    return claim;
  }
  return { ...claim, advice: claim.advice === undefined ? MIGRATED_AGAIN : `${MIGRATED_AGAIN} ${claim.advice}` };
}
