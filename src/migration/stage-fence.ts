import type { ActorId } from "../formats/actor-id.ts";
import { equalBytes } from "../formats/bytes.ts";
import { FILE_TAG } from "../formats/v1-file.ts";
import { readRows } from "../store/read-rows.ts";
import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import {
  discardOwnStage,
  readSurroundings,
  OPERATORS_VERDICTS,
  reasonNotToMigrate,
  reasonOfOperator,
} from "./decide.ts";
import { FenceLostError } from "./errors.ts";
import { assertLeaseHeld, dropLease, readLease, renewLease, writeLease, type Lease } from "./lease.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { readActorState } from "./read-actor-state.ts";
import { recordVerdict } from "./record.ts";
import { sameRows } from "./rows.ts";
import type { StagedPlan } from "./staged-plan.ts";
import { readProgress, writeProgress, type StagedRange } from "./stage-progress.ts";
import type { StagedImage, StagedRows, StagedSpec } from "./targets/target.ts";
import { fileMetadataRange } from "./v1/v1-keys.ts";
import { outcomeOf } from "./verdict.ts";

const TOKEN_BYTES = 16;
/** What was read is of no one moment. */
const TORN: Verdict = {
  state: "deferred",
  reason: "actor_awake",
  detail: "The actor woke, or its v1 database was written, while it was being copied.",
};

/**
 * What stands between one attempt's writes and everyone else's: every transaction of the stage reads, with a conflict, that the
 * lease and the head are byte for byte what this attempt wrote last, and stops the attempt when they are not.
 */
export class StageFence {
  readonly attempt: Attempt;
  readonly lease: Lease;
  #renewAtMs: number;

  constructor(attempt: Attempt, lease: Lease) {
    this.attempt = attempt;
    this.lease = lease;
    this.#renewAtMs = attempt.context.now() + attempt.options.leaseMs / 3;
  }

  /** @throws FenceLostError `lease_lost`, `meta_changed` */
  async assertHeld(tx: Transaction): Promise<void> {
    const { context, id } = this.attempt;
    const [held] = await Promise.all([
      context.target.holdsStage(tx, id, this.lease.head),
      assertLeaseHeld(tx, id, this.lease),
    ]);
    if (!held) {
      const message = "The actor's v2 head is not what this attempt wrote: the stage is void.";
      throw new FenceLostError("meta_changed", message, { actorId: id });
    }
  }

  /** Writes rows of the stage in one transaction, and with them that they are written. */
  async write(staged: StagedRows): Promise<void> {
    await this.run("stage", (tx) => {
      for (const row of staged.rows) {
        tx.set(row.key, row.value);
      }
      writeProgress(tx, this.attempt.id, staged);
      return Promise.resolve();
    });
  }

  /** Runs a body in a transaction that holds the fence. */
  async run(label: string, body: (tx: Transaction) => Promise<void>): Promise<void> {
    const { context, signal } = this.attempt;
    await context.store.transact(
      async (tx) => {
        await this.assertHeld(tx);
        await body(tx);
      },
      { label, signal },
    );
  }

  /** Puts the expiry off when a third of the lease has gone by. */
  async renewWhenDue(): Promise<void> {
    const { context, id, options, signal } = this.attempt;
    const nowMs = context.now();
    if (nowMs < this.#renewAtMs) {
      return;
    }
    const { leaseMs } = options;
    await context.store.transact(async (tx) => renewLease(tx, id, this.lease, nowMs + leaseMs), {
      label: "renew_lease",
      signal,
    });
    this.#renewAtMs = nowMs + leaseMs / 3;
  }

  /** Lets the lease expire now. The stage stays, under it: the next attempt continues it or clears it away. */
  async release(): Promise<void> {
    const { context, id } = this.attempt;
    await context.store.transact(async (tx) => renewLease(tx, id, this.lease, 0), {
      label: "release_lease",
      maxAttempts: 3,
      timeoutMs: 5_000,
    });
  }

  /** Ends the lease and removes the stage, of which nothing can be used: a later attempt would continue it and fail the same way. */
  async clear(): Promise<void> {
    const { context, id } = this.attempt;
    await context.store.transact(
      async (tx) => {
        await this.assertHeld(tx);
        context.target.discardStage(tx, id, this.lease.head);
        dropLease(tx, id);
      },
      { label: "clear_stage", maxAttempts: 3, timeoutMs: 5_000 },
    );
  }
}

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

/**
 * Switches: the final head in, the lease out, the outcome recorded, in one small transaction that also proves that the actor has
 * not woken since the copy began, and that nobody has waived it: the ledger is read with a conflict, so of a waiver and this one sees the
 * other, whichever commits first. If it has woken, the stage is discarded and the outcome is `deferred`;
 * if it was waived, the stage is discarded and the waiver stands.
 */
export async function finalizeStage(
  fence: StageFence,
  end: { image: StagedImage; verdict: Verdict; plan: StagedPlan },
): Promise<Outcome> {
  const { context, id, options, signal } = fence.attempt;
  const nowMs = context.now();
  return context.store.transact(
    async (tx) => {
      const [torn, refused, previous, held] = await Promise.all([
        reasonToDefer(tx, id, end.plan),
        context.target.reasonNotToSwitch(tx, id, end.image),
        context.ledger.read(tx, id),
        readLease(tx, id),
      ]);
      const changed = reasonOfOperator(previous, options) ?? torn ?? refused;
      const facts = { previous, finishedAtMs: nowMs, campaign: options.campaign };
      const outcome = outcomeOf(id, end.verdict, facts);
      const found = [...OPERATORS_VERDICTS, TORN, ...(refused === undefined ? [] : [refused])];
      const candidates = [outcome, ...found.map((verdict) => outcomeOf(id, verdict, facts))];
      if (held === undefined && isOneOf(previous, candidates)) {
        // A commit whose result was unknown did happen; what has changed since does not matter.
        return previous;
      }
      await fence.assertHeld(tx);
      if (changed !== undefined) {
        return clearAndRecord(fence, tx, changed, { previous, nowMs });
      }
      await context.target.switchTo(tx, id, end.image);
      dropLease(tx, id);
      context.ledger.write(tx, outcome, previous);
      return outcome;
    },
    { label: "finalize", signal },
  );
}

/**
 * Removes the stage and the lease, fenced, and records why: v2 is as it was before the attempt. What looks like bad data in an
 * actor that woke meanwhile is a torn reading: that is `deferred`, not rejected. One that was waived meanwhile stays waived.
 */
export async function discardStage(fence: StageFence, end: { verdict: Verdict; plan: StagedPlan }): Promise<Outcome> {
  const { context, id, options, signal } = fence.attempt;
  const nowMs = context.now();
  return context.store.transact(
    async (tx) => {
      const [changed, previous, held] = await Promise.all([
        reasonToDefer(tx, id, end.plan),
        context.ledger.read(tx, id),
        readLease(tx, id),
      ]);
      const facts = { previous, finishedAtMs: nowMs, campaign: options.campaign };
      const candidates = [end.verdict, ...OPERATORS_VERDICTS, TORN].map((verdict) => outcomeOf(id, verdict, facts));
      if (held === undefined && isOneOf(previous, candidates)) {
        // A commit whose result was unknown did happen.
        return previous;
      }
      await fence.assertHeld(tx);
      const verdict = reasonOfOperator(previous, options) ?? changed ?? end.verdict;
      return clearAndRecord(fence, tx, verdict, { previous, nowMs });
    },
    { label: "discard_stage", signal },
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

/** The proof against torn readings: asleep, SLEEP_TS as it was, the main file's metadata entry as it was; serializable. */
async function reasonToDefer(tx: Transaction, id: ActorId, plan: StagedPlan): Promise<Verdict | undefined> {
  const [actor, metadataRows] = await Promise.all([
    readActorState(tx, id),
    readRows(tx, fileMetadataRange(id, FILE_TAG.main)),
  ]);
  const unchanged =
    actor.asleep &&
    actor.provable &&
    equalBytes(actor.sleepTs, plan.sleepTs) &&
    sameRows(metadataRows, plan.metadataRows);
  return unchanged ? undefined : TORN;
}

function clearAndRecord(
  fence: StageFence,
  tx: Transaction,
  verdict: Verdict,
  facts: { previous: Outcome | undefined; nowMs: number },
): Outcome {
  const { context, id, options } = fence.attempt;
  context.target.discardStage(tx, id, fence.lease.head);
  dropLease(tx, id);
  const outcome = outcomeOf(id, verdict, {
    previous: facts.previous,
    finishedAtMs: facts.nowMs,
    campaign: options.campaign,
  });
  context.ledger.write(tx, outcome, facts.previous);
  return outcome;
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
