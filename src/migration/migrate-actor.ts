import type { ActorId } from "../formats/actor-id.ts";
import type { KeyValue, Transaction } from "../store/store.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { isOwnStage, readSurroundings, reasonNotToMigrate, type Surroundings } from "./decide.ts";
import { AbortedError, assertNotAborted } from "./errors.ts";
import { dropLease } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { recordVerdict } from "./record.ts";
import { encodeSmallImage, smallImageOf, type SmallImage } from "./small-image.ts";
import { migrateStaged } from "./staged-migration.ts";
import type { StagedPlan } from "./staged-plan.ts";
import type { ImageSpec } from "./targets/target.ts";
import { mainMetadata, surveyV1, type V1Survey } from "./v1/survey.ts";
import { assertNoSidecars, mainFileBytes } from "./v1/v1-checks.ts";
import { isRejection, outcomeOf, rejectionOf } from "./verdict.ts";

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
  assertNotAborted(signal);
  context.observer.enter("read");
  // One time for all runs of a body: what a run after an unknown commit finds recorded is then known for its own.
  const nowMs = context.now();
  try {
    const first = await context.store.transact(async (tx) => migrateIfSmall(context, tx, id, options, nowMs), {
      label: "migrate_small",
      signal,
    });
    return first.kind === "outcome" ? first.outcome : await migrateStaged(context, id, options, first.plan, signal);
  } catch (error) {
    // The store stops with the signal's own reason, whatever that is.
    throw signal.aborted && error === signal.reason ? new AbortedError(error) : error;
  }
}

type FirstResult =
  { readonly kind: "outcome"; readonly outcome: Outcome } | { readonly kind: "staged"; readonly plan: StagedPlan };

async function migrateIfSmall(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  options: MigrationOptions,
  nowMs: number,
): Promise<FirstResult> {
  context.observer.enter("read");
  const [survey, surroundings] = await Promise.all([
    surveyV1(tx, id, options.smallImageBytes),
    readSurroundings(context, tx, id),
  ]);
  context.observer.enter("check");
  const record = (verdict: Verdict): FirstResult => ({
    kind: "outcome",
    outcome: recordVerdict(context, tx, id, verdict, { surroundings, options, nowMs }),
  });
  if (survey.kind === "none") {
    return record({ state: "skipped", reason: "no_v1_data" });
  }
  const reason = reasonNotToMigrate(surroundings, nowMs);
  if (reason !== undefined) {
    return record(reason);
  }
  try {
    if (survey.kind === "large") {
      return { kind: "staged", plan: await planStaged(context, tx, id, options, { survey, surroundings }) };
    }
    const image = smallImageOf(id, survey.rows, options);
    const spec = { layout: options.layout, pageCount: image.pages.length, creationTsMs: nowMs };
    const encoded = await encodeSmallImage(context, id, image, spec, options.verify);
    context.observer.enter("write");
    writeSmallImage(context, tx, id, { spec, ...encoded }, surroundings);
    return { kind: "outcome", outcome: recordMigrated(context, tx, id, options, { image, surroundings, nowMs }) };
  } catch (error) {
    if (isRejection(error)) {
      return record(rejectionOf(error));
    }
    throw error;
  }
}

function writeSmallImage(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  image: { spec: ImageSpec; rows: readonly KeyValue[]; storageBytes: number },
  surroundings: Surroundings,
): void {
  if (surroundings.lease !== undefined) {
    dropLease(tx, id);
  }
  context.target.clear(tx, id);
  for (const row of image.rows) {
    tx.set(row.key, row.value);
  }
  context.target.writeHead(tx, id, context.target.finalHead(image.spec, image.storageBytes));
}

function recordMigrated(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  options: MigrationOptions,
  facts: { image: SmallImage; surroundings: Surroundings; nowMs: number },
): Outcome {
  const { previous } = facts.surroundings;
  const verdict: Verdict = { state: "migrated", image: facts.image.facts, layout: options.layout };
  const outcome = outcomeOf(id, verdict, { previous, finishedAtMs: facts.nowMs, campaign: options.campaign });
  context.ledger.write(tx, outcome, previous);
  return outcome;
}

async function planStaged(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  options: MigrationOptions,
  seen: { survey: V1Survey & { kind: "large" }; surroundings: Surroundings },
): Promise<StagedPlan> {
  const { survey, surroundings } = seen;
  assertNoSidecars(survey.sidecars);
  const imageBytes = mainFileBytes(mainMetadata(id, survey.metadataRows), options.maxImageBytes);
  return {
    imageBytes,
    metadataRows: survey.metadataRows,
    sleepTs: surroundings.actor.sleepTs,
    // Rows of someone else's are not removed for an actor that may turn out to be one to reject.
    disturbs: !isOwnStage(surroundings) && (await context.target.hasRows(tx, id)),
  };
}
