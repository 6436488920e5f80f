import { concatBytes } from "../formats/bytes.ts";
import type { ActorId } from "../formats/actor-id.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { assertNotAborted } from "./errors.ts";
import { decide, lookAt } from "./first-look.ts";
import { openImage, type LargeOutline } from "./image-source.ts";
import { newImageSpec } from "./image-spec.ts";
import { assertIntegrity } from "./integrity/assert-integrity.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { MemorySource } from "./recovery/byte-source.ts";
import { encodeSmallImage, type SmallImage } from "./small-image.ts";
import { finishStaging, stagePages } from "./stage-pages.ts";
import type { StagedRows } from "./targets/target.ts";
import { isRejection, rejectionOf } from "./verdict.ts";

/** What a migration of an actor would come to, were it tried now, and what it would write. */
export interface Examination {
  readonly state: Outcome["state"];
  readonly reason?: string;
  /** Of the image; 0 where it would not be migrated. */
  readonly bytes: number;
  /** What v2 would count as storage used. */
  readonly v2Bytes: number;
  /** Transactions that would commit: the one of a small actor; lease, parts and switch of a large one; the outcome's of the others. */
  readonly transactions: number;
}

/**
 * Does everything that `migrateActor` does to an actor short of writing: the same reads, decisions, checks and encoding. A test holds
 * the two to the same answers. Of a large actor the pages go by one part at a time; what is not examined is whether it wakes meanwhile.
 */
export async function examineActor(
  context: MigrationContext,
  id: ActorId,
  options: MigrationOptions,
  signal: AbortSignal,
): Promise<Examination> {
  const attempt = { context, id, options, signal };
  assertNotAborted(signal);
  const nowMs = context.now();
  try {
    const decision = await context.store.transact(async (tx) => decide(attempt, await lookAt(attempt, tx), nowMs), {
      label: "examine",
      signal,
    });
    switch (decision.kind) {
      case "verdict":
        return examinationOf(decision.verdict);
      case "small":
        return await examineSmall(attempt, decision.image, nowMs);
      case "large":
        return await examineLarge(attempt, decision.outline, nowMs);
    }
  } catch (error) {
    if (isRejection(error)) {
      return examinationOf(rejectionOf(error));
    }
    throw error;
  }
}

/** Of an actor that is not migrated: one transaction records that. */
function examinationOf(verdict: Verdict): Examination {
  const reason = "reason" in verdict ? { reason: verdict.reason } : {};
  return { state: verdict.state, ...reason, bytes: 0, v2Bytes: 0, transactions: 1 };
}

/** Outside the transaction, as SQLite's check may take longer than one may last. */
async function examineSmall(attempt: Attempt, image: SmallImage, nowMs: number): Promise<Examination> {
  await assertIntegrity(attempt, new MemorySource(concatBytes(...image.pages)));
  const spec = newImageSpec(attempt, image.pages.length, nowMs);
  const { storageBytes } = await encodeSmallImage(attempt, image, spec);
  return { state: "migrated", bytes: image.facts.bytes, v2Bytes: storageBytes, transactions: 1 };
}

async function examineLarge(attempt: Attempt, outline: LargeOutline, nowMs: number): Promise<Examination> {
  const { context, id, options, signal } = attempt;
  const source = await openImage(context.store, id, { ...outline, policy: options }, signal);
  const pageCount = Math.ceil(source.imageBytes / PAGE_BYTES);
  const stager = context.target.makeStager(id, newImageSpec(attempt, pageCount, nowMs));
  let v2Bytes = 0;
  let parts = 0;
  const count = (staged: StagedRows): void => {
    staged.release?.();
    v2Bytes += staged.storageBytes;
    parts += 1;
  };
  context.observer.enter("read");
  for await (const batch of source.readPages(signal)) {
    context.observer.enter("encode");
    if (batch.firstPgno === 1) {
      context.target.assertHeader(batch.pages[0] ?? new Uint8Array(PAGE_BYTES), pageCount);
    }
    stagePages(stager, batch, count);
    context.observer.enter("read");
  }
  finishStaging(stager, count);
  await assertIntegrity(attempt, source.bytes);
  // The lease before the parts and the switch after them.
  return { state: "migrated", bytes: source.imageBytes, v2Bytes, transactions: parts + 2 };
}
