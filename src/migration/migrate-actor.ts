import type { ActorId } from "../formats/actor-id.ts";
import { concatBytes } from "../formats/bytes.ts";
import { InvariantError } from "../errors.ts";
import type { FormatError } from "../formats/format-error.ts";
import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { discardOwnStage, type Surroundings } from "./surroundings.ts";
import { AbortedError, assertNotAborted } from "./errors.ts";
import { decide, lookAt, type LargeDecision, type SmallDecision } from "./first-look.ts";
import { newImageSpec, TARGET_RANDOM_BYTES } from "./image-spec.ts";
import { assertIntegrity } from "./integrity/assert-integrity.ts";
import { dropLease } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { MemorySource } from "./recovery/byte-source.ts";
import { recordVerdict } from "./record.ts";
import { encodeSmallImage, type SmallImage } from "./small-image.ts";
import { migrateStaged } from "./staged-migration.ts";
import type { StagedPlan } from "./staged-plan.ts";
import { readV1Marks } from "./v1/survey.ts";
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
  const random = context.randomBytes(TARGET_RANDOM_BYTES);
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
  const look = await lookAt(attempt, tx);
  const { surroundings } = look;
  const record = (verdict: Verdict): FirstResult => ({
    kind: "outcome",
    outcome: recordVerdict(attempt, tx, verdict, { surroundings, nowMs }),
  });
  try {
    const decision = decide(attempt, look, nowMs);
    if (decision.kind === "verdict") {
      return record(decision.verdict);
    }
    if (!decision.isPrepared) {
      return { kind: "unprepared" };
    }
    if (decision.kind === "large") {
      return { kind: "staged", plan: await planStaged(attempt, tx, decision, surroundings) };
    }
    const { image } = decision;
    if (attempt.options.check !== "header" && checked?.sha256 !== image.facts.sha256) {
      return { kind: "check", image };
    }
    if (checked?.error !== undefined) {
      throw checked.error;
    }
    return { kind: "outcome", outcome: await writeSmall(attempt, tx, decision, { surroundings, nowMs }) };
  } catch (error) {
    if (isRejection(error)) {
      return record(rejectionOf(error));
    }
    throw error;
  }
}

/** Writes a small image and records its outcome. @throws FormatError whose code is the reject reason, before anything is written. */
async function writeSmall(
  attempt: Attempt,
  tx: Transaction,
  { image, claim }: SmallDecision,
  { surroundings, nowMs }: { surroundings: Surroundings; nowMs: number },
): Promise<Outcome> {
  const { context, id, options } = attempt;
  const spec = newImageSpec(attempt, image.pages.length, nowMs);
  const encoded = await encodeSmallImage(attempt, image, spec);
  context.observer.enter("write");
  if (surroundings.lease !== undefined) {
    dropLease(tx, id);
    discardOwnStage(attempt, tx, surroundings);
  }
  await context.target.writeImage(tx, id, { spec, ...encoded, basis: claim.basis });
  const { previous } = surroundings;
  const verdict: Verdict = {
    state: "migrated",
    image: image.facts,
    layout: spec.layout,
    verified: options.verify,
    ...(claim.advice === undefined ? {} : { detail: claim.advice }),
  };
  const outcome = outcomeOf(id, verdict, { previous, finishedAtMs: nowMs, campaign: options.campaign });
  context.ledger.write(tx, outcome, previous);
  return outcome;
}

async function planStaged(
  { context, id }: Attempt,
  tx: Transaction,
  { outline, metadataRows, claim }: LargeDecision,
  { actor, ownStage, isGone }: Surroundings,
): Promise<StagedPlan> {
  // Rows of someone else's are not removed for an actor that may turn out to be one to reject.
  const disturbs = !ownStage && (await context.target.hasRows(tx, id));
  const marks = await readV1Marks(tx, id);
  return { ...outline, metadataRows, marks, sleepTs: actor.sleepTs, disturbs, isGone, claim };
}
