import type { ActorId } from "../formats/actor-id.ts";
import { equalBytes } from "../formats/bytes.ts";
import { FILE_TAG } from "../formats/v1-file.ts";
import { readRows } from "../store/read-rows.ts";
import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import { dropLease, readLease, writeLease, type Lease } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { readActorState } from "./read-actor-state.ts";
import { OPERATORS_VERDICTS, reasonNotToMigrate, reasonOfOperator } from "./reasons.ts";
import { recordVerdict } from "./record.ts";
import { sameRows } from "./rows.ts";
import { StageFence } from "./stage-fence.ts";
import type { StagedPlan } from "./staged-plan.ts";
import { readProgress, type StagedRange } from "./stage-progress.ts";
import { discardOwnStage, readSurroundings } from "./surroundings.ts";
import type { StagedImage, StagedSpec } from "./targets/target.ts";
import { readV1Marks, sameV1Marks } from "./v1/survey.ts";
import { fileMetadataRange } from "./v1/v1-keys.ts";
import { outcomeOf, staysMigrated } from "./verdict.ts";

/*
 * The transactions with which a stage begins and ends. Each looks again at everything it depends on, and knows a commit of its own whose
 * result it was not told.
 */

const TOKEN_BYTES = 16;
/** What was read is of no one moment. */
const TORN: Verdict = {
  state: "deferred",
  reason: "actor_awake",
  detail: "The actor woke, or its v1 database was written, while it was being copied.",
};

/** A stage that was begun, or continued: `spec` carries the head's time, `committed` what need not be written again. */
export interface BegunStage {
  readonly kind: "stage";
  readonly fence: StageFence;
  readonly spec: StagedSpec;
  readonly committed: readonly StagedRange[];
}

/**
 * Takes the lease in one transaction that looks at everything again: clears away stale rows and writes the staging head, or takes over
 * the stage that an attempt of Ferry's left, where it is of the same image, of the same sleep, and can be continued. Gives the verdict
 * instead where the actor is not to be migrated any more.
 */
export async function beginStage(
  attempt: Attempt,
  stage: { spec: StagedSpec; image: string; resumable: boolean; plan: StagedPlan },
): Promise<BegunStage | { kind: "verdict"; outcome: Outcome }> {
  const { context, id, options, signal } = attempt;
  const { spec, plan } = stage;
  const token = context.randomBytes(TOKEN_BYTES);
  const fresh: Lease = { token, image: stage.image, sleepTs: plan.sleepTs, head: spec.stage };
  const begun = (lease: Lease, creationTsMs: number, committed: readonly StagedRange[]): BegunStage => ({
    kind: "stage",
    fence: new StageFence(attempt, lease),
    spec: { ...spec, stage: lease.head, creationTsMs },
    committed,
  });
  const nowMs = context.now();
  return context.store.transact(
    async (tx): Promise<BegunStage | { kind: "verdict"; outcome: Outcome }> => {
      const surroundings = await readSurroundings(attempt, tx);
      const { lease: held, v2 } = surroundings;
      const sinceMs = "sinceMs" in v2 ? v2.sinceMs : spec.creationTsMs;
      if (held?.lease !== undefined && equalBytes(held.lease.token, token)) {
        // A commit whose result was unknown did happen.
        return begun(held.lease, sinceMs, await readProgress(tx, id));
      }
      const verdict = reasonNotToMigrate(surroundings, options, nowMs) ?? (await reasonToDefer(tx, id, plan));
      if (verdict !== undefined) {
        return { kind: "verdict", outcome: recordVerdict(attempt, tx, verdict, { surroundings, nowMs }) };
      }
      const left = held?.lease;
      const continues =
        stage.resumable &&
        left !== undefined &&
        surroundings.ownStage &&
        left.image === stage.image &&
        equalBytes(left.sleepTs, plan.sleepTs);
      if (continues) {
        const lease = { ...left, token };
        writeLease(tx, id, lease, context.now() + options.leaseMs);
        return begun(lease, sinceMs, await readProgress(tx, id));
      }
      discardOwnStage(attempt, tx, surroundings);
      dropLease(tx, id);
      context.target.beginStage(tx, id, fresh.head);
      writeLease(tx, id, fresh, context.now() + options.leaseMs);
      return begun(fresh, spec.creationTsMs, []);
    },
    { label: "begin_stage", signal },
  );
}

/** What an attempt ends its stage with. */
interface StageEnd {
  readonly verdict: Verdict;
  readonly plan: StagedPlan;
}

/**
 * Switches: the final head in, the lease out, the outcome recorded, in one small transaction that also proves that the actor has
 * not woken since the copy began. If it has, the stage is discarded and the outcome is `deferred`.
 */
export async function finalizeStage(fence: StageFence, end: StageEnd & { image: StagedImage }): Promise<Outcome> {
  return endStage(fence, end, "finalize");
}

/**
 * Removes the stage and the lease, and records why: v2 is as it was before the attempt. What looks like bad data in an actor that woke
 * meanwhile is a torn reading: that is `deferred`, not rejected.
 */
export async function discardStage(fence: StageFence, end: StageEnd): Promise<Outcome> {
  return endStage(fence, end, "discard_stage");
}

/**
 * Switches to the image, if there is one and nothing has changed that forbids it; else clears the stage away. What an operator has decided
 * meanwhile stands: the ledger is read with a conflict, so of a waiver and this one sees the other, whichever commits first.
 */
async function endStage(
  fence: StageFence,
  { verdict, plan, image }: StageEnd & { image?: StagedImage },
  label: string,
): Promise<Outcome> {
  const { context, id, options, signal } = fence.attempt;
  const { target, ledger } = context;
  const nowMs = context.now();
  let runs = 0;
  return context.store.transact(
    async (tx) => {
      runs += 1;
      const [torn, refused, previous, held] = await Promise.all([
        reasonToDefer(tx, id, plan),
        image === undefined ? undefined : target.reasonNotToSwitch(tx, id, image),
        ledger.read(tx, id),
        readLease(tx, id),
      ]);
      const outcomeFor = (found: Verdict): Outcome =>
        outcomeOf(id, found, { previous, finishedAtMs: nowMs, campaign: options.campaign, isGone: plan.isGone });
      const possible = [verdict, ...OPERATORS_VERDICTS, TORN, ...(refused === undefined ? [] : [refused])];
      if (held === undefined && isOneOf(previous, possible.map(outcomeFor))) {
        // A commit whose result was unknown did happen; what has changed since does not matter.
        return previous;
      }
      if (held === undefined && runs > 1 && refused !== undefined && staysMigrated(refused, previous)) {
        // Or one that changed nothing in the ledger.
        return previous;
      }
      await fence.assertHeld(tx);
      const changed = reasonOfOperator(previous, options) ?? torn ?? refused;
      if (image !== undefined && changed === undefined) {
        await target.switchTo(tx, id, image);
      } else {
        target.discardStage(tx, id, fence.lease.head);
      }
      dropLease(tx, id);
      const found = changed ?? verdict;
      const outcome = staysMigrated(found, previous) ? previous : outcomeFor(found);
      ledger.write(tx, outcome, previous);
      return outcome;
    },
    { label, signal },
  );
}

/** Records a verdict found before anything was staged, unless the actor has changed since. */
export async function recordWithoutStage(
  attempt: Attempt,
  end: { verdict: Verdict; plan: StagedPlan },
): Promise<Outcome> {
  const { context, id, options, signal } = attempt;
  const nowMs = context.now();
  return context.store.transact(
    async (tx) => {
      const surroundings = await readSurroundings(attempt, tx);
      const verdict =
        reasonNotToMigrate(surroundings, options, nowMs) ?? (await reasonToDefer(tx, id, end.plan)) ?? end.verdict;
      return recordVerdict(attempt, tx, verdict, { surroundings, nowMs });
    },
    { label: "record", signal },
  );
}

/**
 * The proof against torn readings: asleep, SLEEP_TS as it was, the main file's metadata entry as it was, and nothing committed to v1, as by a
 * runner that the engine takes for stopped; serializable.
 */
async function reasonToDefer(tx: Transaction, id: ActorId, plan: StagedPlan): Promise<Verdict | undefined> {
  const [actor, metadataRows, marks] = await Promise.all([
    readActorState(tx, id),
    readRows(tx, fileMetadataRange(id, FILE_TAG.main)),
    readV1Marks(tx, id),
  ]);
  const unchanged =
    actor.asleep &&
    actor.provable &&
    equalBytes(actor.sleepTs, plan.sleepTs) &&
    sameRows(metadataRows, plan.metadataRows) &&
    sameV1Marks(marks, plan.marks);
  return unchanged ? undefined : TORN;
}

/** Whether what is recorded is what this attempt would record: the same finding at the same millisecond. */
function isOneOf(recorded: Outcome | undefined, candidates: readonly Outcome[]): recorded is Outcome {
  return candidates.some(
    ({ state, reason, sha256, finishedAt }) =>
      recorded?.state === state &&
      recorded.reason === reason &&
      recorded.sha256 === sha256 &&
      recorded.finishedAt === finishedAt,
  );
}
