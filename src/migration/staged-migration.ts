import { createHash } from "node:crypto";
import { FormatError } from "../formats/format-error.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationContext } from "./context.ts";
import { AbortedError, assertNotAborted, FenceLostError } from "./errors.ts";
import { openImage, type ImageSource } from "./image-source.ts";
import { newImageSpec } from "./image-spec.ts";
import { assertIntegrity } from "./integrity/assert-integrity.ts";
import type { ImageFacts, Outcome, RecoveryFacts, Verdict } from "./outcome.ts";
import type { BlockBatch, PageBatch } from "./pages.ts";
import type { StagedPlan } from "./staged-plan.ts";
import { storeRows } from "./rows.ts";
import { assertSameImage } from "./same-image.ts";
import type { StageFence } from "./stage-fence.ts";
import { stageImage, type StagedFacts } from "./stage-image.ts";
import { beginStage, discardStage, finalizeStage, recordWithoutStage, type BegunStage } from "./stage-steps.ts";
import type { ImageSpec, StagedImage, StagedSpec } from "./targets/target.ts";
import { isRejection, rejectionOf } from "./verdict.ts";

/** Codes with which a target's reader says that rows are not there, as opposed to wrong. */
const ROWS_GONE: ReadonlySet<unknown> = new Set(["page_missing", "rows_missing", "ltx_truncated"]);

/**
 * Migrates one large actor: takes the lease, stages rows in transactions of about 1 MB, reads them back, and switches in one small
 * transaction. Nothing of it is visible to a reader before that. An attempt that fails leaves a lease that others may take at once.
 */
export async function migrateStaged(attempt: Attempt, plan: StagedPlan): Promise<Outcome> {
  return new StagedMigration(attempt, plan).run();
}

class StagedMigration {
  readonly #attempt: Attempt;
  readonly #plan: StagedPlan;
  /** Set once the lease is taken: from here on every write is fenced by it. */
  #fence: StageFence | undefined;

  constructor(attempt: Attempt, plan: StagedPlan) {
    this.#attempt = attempt;
    this.#plan = plan;
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#migrate();
    } catch (error) {
      await this.#release(error);
      throw error;
    }
  }

  /** What is wrong with the data becomes the outcome; everything else is thrown. */
  async #migrate(): Promise<Outcome> {
    const { context, id, options, signal } = this.#attempt;
    try {
      const source = await openImage(context.store, id, { ...this.#plan, policy: options }, signal);
      if (this.#plan.disturbs) {
        await this.#checkOnly(source);
      }
      return await this.#stageAndSwitch(source);
    } catch (error) {
      if (isRejection(error)) {
        return await this.#giveUp(rejectionOf(error));
      }
      throw error;
    }
  }

  /** Reads everything once and writes nothing. @throws FormatError whose code is the reject reason. */
  async #checkOnly(source: ImageSource): Promise<void> {
    const batches = source.readPages(this.#attempt.signal);
    while ((await batches.next()).done !== true) {
      // Only a right image comes to its end.
    }
  }

  async #stageAndSwitch(source: ImageSource): Promise<Outcome> {
    const pageCount = Math.floor(source.imageBytes / PAGE_BYTES);
    const spec = newImageSpec(this.#attempt, pageCount, this.#attempt.context.now());
    const batches = source.readPages(this.#attempt.signal);
    try {
      // The first pages are read, and with them the header checked, before the first row is written.
      const first = await batches.next();
      if (first.done !== true) {
        await this.#assertHeader(first.value, batches, spec);
      }
      await assertIntegrity(this.#attempt, source.bytes);
      const begun = await beginStage(this.#attempt, {
        spec,
        plan: this.#plan,
        ...stageIdentity(this.#attempt.context, spec, this.#plan),
      });
      if (begun.kind === "verdict") {
        return begun.outcome;
      }
      this.#fence = begun.fence;
      const staged = await stageImage(begun, chain(first.done === true ? [] : [first.value], batches));
      return await this.#verifyAndSwitch(begun, { ...staged, recovery: source.recovery });
    } finally {
      // Reads ahead that nobody waits for any more end here, and not after the attempt.
      await batches.return();
    }
  }

  /** What the target asks of page 1; as with what all targets ask, what is wrong with the pages behind it is said first. */
  async #assertHeader(first: PageBatch, rest: AsyncIterable<PageBatch>, spec: ImageSpec): Promise<void> {
    try {
      this.#attempt.context.target.assertHeader(first.pages[0] ?? new Uint8Array(PAGE_BYTES), spec.pageCount);
    } catch (error) {
      for await (const _ of rest) {
        // Only a right image comes to its end.
      }
      throw error;
    }
  }

  async #verifyAndSwitch(
    begun: BegunStage,
    staged: StagedFacts & { recovery: RecoveryFacts | undefined },
  ): Promise<Outcome> {
    const { context, options, signal } = this.#attempt;
    const { observer, target } = context;
    const { fence, spec } = begun;
    const image: StagedImage = { spec, storageBytes: staged.storageBytes, basis: this.#plan.claim.basis };
    await target.sealStage(image, async (body) => {
      assertNotAborted(signal);
      await fence.run("seal", body);
      await fence.renewWhenDue();
    });
    if (options.verify) {
      observer.enter("verify");
      await this.#verify(begun, staged.facts);
    }
    observer.enter("write");
    assertNotAborted(signal);
    const { facts, recovery } = staged;
    const { advice } = this.#plan.claim;
    const verdict: Verdict = {
      state: "migrated",
      image: facts,
      layout: spec.layout,
      recovery,
      verified: options.verify,
      ...(advice === undefined ? {} : { detail: advice }),
    };
    return finalizeStage(fence, { image, verdict, plan: this.#plan });
  }

  /**
   * Compares what is staged with what was read. Rows that are not there, and rows of an earlier attempt that are of another image, say
   * nothing about the actor's data: the stage is void, and the next attempt begins anew.
   * @throws FormatError `verify_mismatch`; FenceLostError `stage_gone`
   */
  async #verify({ fence, spec, committed }: BegunStage, facts: ImageFacts): Promise<void> {
    try {
      await assertSameImage(this.#attempt.context.codec, this.#readBack(fence, spec), facts);
    } catch (error) {
      const isVoid = error instanceof FormatError && (committed.length > 0 || ROWS_GONE.has(error.details["code"]));
      if (!isVoid) {
        throw error;
      }
      throw new FenceLostError("stage_gone", "Staged rows are gone, or are not of the image that is there now.", {
        actorId: this.#attempt.id,
        ...error.details,
      });
    }
  }

  async *#readBack(fence: StageFence, spec: StagedSpec): AsyncGenerator<BlockBatch, void, undefined> {
    const { context, id, signal } = this.#attempt;
    const rows = storeRows(context.store, signal);
    for await (const batch of context.target.readBlocks(rows, id, spec.pageCount, { stage: spec.stage })) {
      assertNotAborted(signal);
      await fence.renewWhenDue();
      yield batch;
    }
  }

  async #giveUp(verdict: Verdict): Promise<Outcome> {
    const end = { verdict, plan: this.#plan };
    return this.#fence === undefined ? recordWithoutStage(this.#attempt, end) : discardStage(this.#fence, end);
  }

  /** Lets the next attempt begin at once. What failed before is what the caller gets to see. */
  async #release(error: unknown): Promise<void> {
    if (this.#fence === undefined) {
      return;
    }
    const { observer } = this.#attempt.context;
    if (error instanceof FenceLostError) {
      observer.fenceLost?.(error.code);
    }
    try {
      if (error instanceof FenceLostError && error.code === "stage_gone") {
        await this.#fence.clear();
      } else {
        await this.#fence.release();
      }
    } catch (releaseError) {
      if (!(releaseError instanceof FenceLostError || releaseError instanceof AbortedError)) {
        observer.releaseFailed?.(releaseError);
      }
    }
  }
}

async function* chain(first: readonly PageBatch[], rest: AsyncGenerator<PageBatch>): AsyncGenerator<PageBatch> {
  yield* first;
  yield* rest;
}

/** What a stage is of: only an attempt on the very same continues it. A recovered image depends on more than the main file. */
function stageIdentity(
  context: MigrationContext,
  spec: ImageSpec,
  plan: StagedPlan,
): { image: string; resumable: boolean } {
  const metadata = createHash("sha256");
  for (const row of [...plan.metadataRows, ...plan.marks.firstChunkRows]) {
    metadata.update(row.key).update(row.value);
  }
  const image = [context.target.name, spec.layout, spec.pageCount, metadata.digest("hex")].join("/");
  return { image, resumable: plan.sidecars === undefined && context.target.isResumable(spec.layout) };
}
