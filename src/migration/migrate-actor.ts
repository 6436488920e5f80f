import type { ActorId } from "../formats/actor-id.ts";
import { concatBytes } from "../formats/bytes.ts";
import { InvariantError } from "../errors.ts";
import { FormatError } from "../formats/format-error.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { KeyValue, Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import {
  discardOwnStage,
  readSurroundings,
  reasonNotToMigrate,
  reasonNotToStage,
  type Surroundings,
} from "./decide.ts";
import { AbortedError, assertNotAborted } from "./errors.ts";
import { assertIntegrity } from "./integrity/assert-integrity.ts";
import { dropLease } from "./lease.ts";
import type { Layout, Outcome, Verdict } from "./outcome.ts";
import { MemorySource } from "./recovery/byte-source.ts";
import { recordVerdict } from "./record.ts";
import { encodeSmallImage, smallImageOf, type SmallImage } from "./small-image.ts";
import { migrateStaged } from "./staged-migration.ts";
import type { StagedPlan } from "./staged-plan.ts";
import type { ImageOutline, StagedImage } from "./targets/target.ts";
import { mainMetadata, outlineOfRows, surveyV1, type V1Survey } from "./v1/survey.ts";
import { mainFileBytes, needsRecovery } from "./v1/v1-checks.ts";
import { isRejection, outcomeOf, rejectionOf } from "./verdict.ts";

/** What a target gets to name a stage, or what it prepares, by. */
const RANDOM_BYTES = 16;

/**
 * Carries one actor from v1 to v2, or says why not. The outcome is recorded in the transaction of what it reports.
 *
 * Everything about a small actor happens in one serializable transaction: whoever writes either side meanwhile makes it run
 * again. A large one is staged under a lease (staged-migration.ts).
 * @throws AbortedError, FenceLostError: try again; StoreError: as its kind says. Never for what is wrong with the data.
 */
export async function migrateActor(
  context: MigrationContext,
  id: ActorId,
  options: MigrationOptions,
  signal: AbortSignal,
): Promise<Outcome> {
  const attempt = { context, id, options, signal };
  assertNotAborted(signal);
  context.observer.enter("read");
  // One time for all runs of a body: what a run after an unknown commit finds recorded is then known for its own.
  const nowMs = context.now();
  try {
    let checked: CheckedImage | undefined;
    let prepared = false;
    for (;;) {
      const first = await context.store.transact(async (tx) => migrateIfSmall(attempt, tx, { nowMs, checked }), {
        label: "migrate_small",
        signal,
      });
      switch (first.kind) {
        case "outcome":
          return first.outcome;
        case "staged":
          return await migrateStaged(attempt, first.plan);
        case "check":
          // SQLite's check may take longer than a transaction may last: it is made between two.
          checked = await checkSmall(attempt, first.image);
          break;
        case "unprepared":
          if (prepared) {
            throw new InvariantError("what a target prepared is not there", { details: { actorId: id } });
          }
          await prepare(attempt, nowMs);
          prepared = true;
      }
    }
  } catch (error) {
    // The store stops with the signal's own reason, whatever that is.
    throw signal.aborted && error === signal.reason ? new AbortedError(error) : error;
  }
}

type FirstResult =
  | { readonly kind: "outcome"; readonly outcome: Outcome }
  | { readonly kind: "staged"; readonly plan: StagedPlan }
  | { readonly kind: "check"; readonly image: SmallImage }
  | { readonly kind: "unprepared" };

/** Makes what many actors share, in a transaction of its own: in an actor's, all of them would conflict over it. */
async function prepare({ context, id, signal }: Attempt, nowMs: number): Promise<void> {
  const random = context.randomBytes(RANDOM_BYTES);
  await context.store.transact(async (tx) => context.target.prepare(tx, id, { random, nowMs }), {
    label: "prepare",
    signal,
  });
}

/** An image, by its digest, that SQLite has checked; `error` says what it found. */
interface CheckedImage {
  readonly sha256: string;
  readonly error?: FormatError;
}

async function checkSmall(attempt: Attempt, image: SmallImage): Promise<CheckedImage> {
  const { sha256 } = image.facts;
  try {
    await assertIntegrity(attempt, new MemorySource(concatBytes(...image.pages)));
    return { sha256 };
  } catch (error) {
    if (isRejection(error)) {
      return { sha256, error };
    }
    throw error;
  }
}

async function migrateIfSmall(
  attempt: Attempt,
  tx: Transaction,
  { nowMs, checked }: { nowMs: number; checked: CheckedImage | undefined },
): Promise<FirstResult> {
  const { context, id, options } = attempt;
  context.observer.enter("read");
  const [survey, surroundings] = await Promise.all([
    surveyV1(tx, id, options.smallImageBytes),
    readSurroundings(attempt, tx),
  ]);
  context.observer.enter("check");
  const record = (verdict: Verdict): FirstResult => ({
    kind: "outcome",
    outcome: recordVerdict(attempt, tx, verdict, { surroundings, nowMs }),
  });
  if (survey.kind === "none") {
    return record({ state: "skipped", reason: "no_v1_data" });
  }
  const reason = reasonNotToMigrate(surroundings, options, nowMs);
  if (reason !== undefined) {
    return record(reason);
  }
  try {
    const image = survey.kind === "large" ? undefined : smallImageOf(id, survey.rows, options);
    if (image === undefined) {
      const planned = await planStaged(attempt, tx, { survey, surroundings });
      return planned.kind === "verdict" ? record(planned.verdict) : planned;
    }
    const outline = { pageCount: image.pages.length, recovered: false };
    const admission = admissionOf(context, surroundings, outline);
    if (admission.kind !== "admitted") {
      return admission.kind === "verdict" ? record(admission.verdict) : admission;
    }
    if (options.check !== "header" && checked?.sha256 !== image.facts.sha256) {
      return { kind: "check", image };
    }
    if (checked?.error !== undefined) {
      throw checked.error;
    }
    const layout = context.target.layoutOf(options.layout);
    const wanted = { layout, pageCount: image.pages.length, creationTsMs: nowMs };
    const spec = { ...wanted, stage: context.target.newStage(wanted, context.randomBytes(RANDOM_BYTES)) };
    const encoded = await encodeSmallImage(attempt, image, spec);
    context.observer.enter("write");
    const { basis, advice } = admission;
    await writeSmallImage(attempt, tx, { spec, ...encoded, basis }, surroundings);
    return {
      kind: "outcome",
      outcome: recordMigrated(attempt, tx, { image, layout, surroundings, nowMs, advice }),
    };
  } catch (error) {
    if (isRejection(error)) {
      return record(rejectionOf(error));
    }
    throw error;
  }
}

/** What the target says of such an image, in a state that is otherwise fit to migrate. */
type Admission =
  | { readonly kind: "admitted"; readonly basis?: Uint8Array; readonly advice?: string }
  | { readonly kind: "unprepared" }
  | { readonly kind: "verdict"; readonly verdict: Verdict };

/** @throws FormatError whose code is the reject reason. */
function admissionOf(context: MigrationContext, { v2 }: Surroundings, image: ImageOutline): Admission {
  if (v2 instanceof FormatError) {
    throw v2;
  }
  const verdict = context.target.admit(v2, image);
  if (verdict !== undefined) {
    return { kind: "verdict", verdict };
  }
  if (v2.kind === "unprepared") {
    return { kind: "unprepared" };
  }
  const { basis, advice }: { basis?: Uint8Array; advice?: string } = v2.kind === "absent" ? v2 : {};
  return {
    kind: "admitted",
    ...(basis === undefined ? {} : { basis }),
    ...(advice === undefined ? {} : { advice }),
  };
}

async function writeSmallImage(
  attempt: Attempt,
  tx: Transaction,
  image: StagedImage & { readonly rows: readonly KeyValue[] },
  surroundings: Surroundings,
): Promise<void> {
  const { context, id } = attempt;
  if (surroundings.lease !== undefined) {
    dropLease(tx, id);
    discardOwnStage(attempt, tx, surroundings);
  }
  await context.target.writeImage(tx, id, image);
}

function recordMigrated(
  { context, id, options }: Attempt,
  tx: Transaction,
  facts: {
    image: SmallImage;
    layout: Layout;
    surroundings: Surroundings;
    nowMs: number;
    advice: string | undefined;
  },
): Outcome {
  const { previous } = facts.surroundings;
  const verdict: Verdict = {
    state: "migrated",
    image: facts.image.facts,
    layout: facts.layout,
    verified: options.verify,
    ...(facts.advice === undefined ? {} : { detail: facts.advice }),
  };
  const outcome = outcomeOf(id, verdict, { previous, finishedAtMs: facts.nowMs, campaign: options.campaign });
  context.ledger.write(tx, outcome, previous);
  return outcome;
}

async function planStaged(
  { context, id, options }: Attempt,
  tx: Transaction,
  seen: { survey: Exclude<V1Survey, { kind: "none" }>; surroundings: Surroundings },
): Promise<Exclude<Admission, { kind: "admitted" }> | { readonly kind: "staged"; readonly plan: StagedPlan }> {
  const { survey, surroundings } = seen;
  const { sidecars, metadataRows } = survey.kind === "large" ? survey : outlineOfRows(survey.rows);
  const recovers = needsRecovery(sidecars, options);
  const mainBytes = mainFileBytes(mainMetadata(id, metadataRows), options.maxImageBytes);
  const unprovable = reasonNotToStage(surroundings.actor);
  if (unprovable !== undefined) {
    return { kind: "verdict", verdict: unprovable };
  }
  // Recovery can change the size; the switch asks again with what came of it.
  const outline = { pageCount: Math.ceil(mainBytes / PAGE_BYTES), recovered: recovers };
  const admission = admissionOf(context, surroundings, outline);
  if (admission.kind !== "admitted") {
    return admission;
  }
  const { kind: _, ...admitted } = admission;
  const plan = {
    mainBytes,
    ...(recovers ? { sidecars } : {}),
    metadataRows,
    sleepTs: surroundings.actor.sleepTs,
    // Rows of someone else's are not removed for an actor that may turn out to be one to reject.
    disturbs: !surroundings.ownStage && (await context.target.hasRows(tx, id)),
    ...admitted,
  };
  return { kind: "staged", plan };
}
