import { createHash } from "node:crypto";
import { InvariantError } from "../errors.ts";
import { FormatError } from "../formats/format-error.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { BorrowedBlocks, ImagePass } from "./codec/codec.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationContext } from "./context.ts";
import { AbortedError, assertNotAborted, FenceLostError } from "./errors.ts";
import { openImage, type ImageSource } from "./image-source.ts";
import { newImageSpec } from "./image-spec.ts";
import { inOrder } from "./in-order.ts";
import { assertIntegrity } from "./integrity/assert-integrity.ts";
import type { ImageFacts, Outcome, RecoveryFacts, Verdict } from "./outcome.ts";
import type { BlockBatch, PageBatch } from "./pages.ts";
import type { StagedPlan } from "./staged-plan.ts";
import { storeRows } from "./rows.ts";
import { assertSameImage } from "./small-image.ts";
import {
  beginStage,
  discardStage,
  finalizeStage,
  recordWithoutStage,
  type BegunStage,
  type StageFence,
} from "./stage-fence.ts";
import type { StagedRange } from "./stage-progress.ts";
import type { ImageSpec, StagedImage, StagedRows, StagedSpec } from "./targets/target.ts";
import { isRejection, rejectionOf } from "./verdict.ts";

/** Staging transactions under way at once: hides the commit's latency, bounds memory to so many megabytes. */
const WRITES_IN_FLIGHT = 3;
/** Batches of pages with the codec at once: one in work and one that waits for it. */
const ENCODES_IN_FLIGHT = 2;

/** Codes with which a target's reader says that rows are not there, as opposed to wrong. */
const ROWS_GONE: ReadonlySet<unknown> = new Set(["page_missing", "rows_missing", "ltx_truncated"]);

/**
 * Migrates one large actor: takes the lease, stages rows in transactions of about 1 MB, reads them back, and switches in one small
 * transaction. Nothing of it is visible to a reader before that. An attempt that fails leaves a lease that others may take at once.
 */
export async function migrateStaged(attempt: Attempt, plan: StagedPlan): Promise<Outcome> {
  return new StagedMigration(attempt, plan).run();
}

/** What was staged: the image's facts as read from v1, and what its rows add to the storage used. */
interface StagedFacts {
  readonly facts: ImageFacts;
  readonly storageBytes: number;
}

/** Pages in order, as far as they are `toWrite` with their blocks. */
interface EncodedBatch extends BorrowedBlocks {
  readonly firstPgno: number;
  readonly toWrite: readonly boolean[];
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
      const staged = await this.#stageAll(begun, chain(first.done === true ? [] : [first.value], batches));
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

  async #stageAll(begun: BegunStage, batches: AsyncIterable<PageBatch>): Promise<StagedFacts> {
    const { spec } = begun;
    // Rows of no page, as an empty image may have, are written and counted anew.
    const committed = begun.committed.filter((range) => range.endPgno > range.firstPgno);
    const { codec, observer } = this.#attempt.context;
    const pass = codec.begin();
    let storageBytes = committed.reduce((sum, range) => sum + range.storageBytes, 0);
    try {
      const encoded = inOrder(this.#encode(pass, batches, committed), ENCODES_IN_FLIGHT);
      for await (const staged of inOrder(this.#stage(begun, encoded), WRITES_IN_FLIGHT)) {
        storageBytes += staged;
        observer.enter("read");
      }
      const sha256 = await pass.digest();
      return { facts: { pages: spec.pageCount, bytes: spec.pageCount * PAGE_BYTES, sha256 }, storageBytes };
    } finally {
      pass.end();
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

  /** Gives the encoding of pages as tasks, in order: all pages are hashed, those of rows that are committed are not compressed. */
  async *#encode(
    pass: ImagePass,
    batches: AsyncIterable<PageBatch>,
    committed: readonly StagedRange[],
  ): AsyncGenerator<() => Promise<EncodedBatch>, void, undefined> {
    const { observer } = this.#attempt.context;
    const isCommitted = inRanges(committed);
    for await (const { firstPgno, pages, hold } of batches) {
      const toWrite = pages.map((_, index) => !isCommitted(firstPgno + index));
      const held = toWrite.includes(true) ? hold?.() : undefined;
      yield async () => {
        observer.enter("encode");
        if (toWrite.includes(true)) {
          const { blocks, release } = await pass.compress(pages, held?.memory);
          return {
            firstPgno,
            toWrite,
            blocks,
            release: () => {
              release();
              held?.release();
            },
          };
        }
        await pass.hash(pages);
        return { firstPgno, toWrite, blocks: [], release: () => undefined };
      };
      observer.enter("read");
    }
  }

  /** Gives the commits of staged rows as tasks, in order, each resolving to the storage bytes it added. */
  async *#stage(
    { fence, spec }: BegunStage,
    batches: AsyncIterable<EncodedBatch>,
  ): AsyncGenerator<() => Promise<number>, void, undefined> {
    const { observer, target } = this.#attempt.context;
    const stager = target.makeStager(this.#attempt.id, spec);
    const commit = (staged: StagedRows) => async (): Promise<number> => {
      if (staged.rows.length > 0) {
        await fence.write(staged);
      }
      staged.release?.();
      return staged.storageBytes;
    };
    let skipping = false;
    for await (const { firstPgno, toWrite, blocks, release } of batches) {
      for (const [index, isToWrite] of toWrite.entries()) {
        if (isToWrite) {
          stager.add(firstPgno + index, blockAt(blocks, index));
        }
        // What is held before committed pages is of a range of its own.
        if (stager.ready || (!isToWrite && !skipping)) {
          observer.enter("write");
          yield commit(stager.take());
        }
        skipping = !isToWrite;
      }
      release();
      await fence.renewWhenDue();
    }
    observer.enter("write");
    yield commit(stager.finish());
    while (stager.ready) {
      yield commit(stager.take());
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
  for (const row of plan.metadataRows) {
    metadata.update(row.key).update(row.value);
  }
  const image = [context.target.name, spec.layout, spec.pageCount, metadata.digest("hex")].join("/");
  return { image, resumable: plan.sidecars === undefined && context.target.isResumable(spec.layout) };
}

function blockAt(blocks: readonly Uint8Array[], index: number): Uint8Array {
  const block = blocks[index];
  if (block === undefined) {
    throw new InvariantError("the codec gave fewer blocks than pages", { details: { index, blocks: blocks.length } });
  }
  return block;
}

/** Tells of page numbers that rise from call to call whether they lie in one of the ranges, which are in order. */
function inRanges(ranges: readonly StagedRange[]): (pgno: number) => boolean {
  let next = 0;
  return (pgno) => {
    while (next < ranges.length && (ranges[next]?.endPgno ?? 0) <= pgno) {
      next += 1;
    }
    const range = ranges[next];
    return range !== undefined && range.firstPgno <= pgno;
  };
}
