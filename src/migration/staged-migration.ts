import { createHash, type Hash } from "node:crypto";
import type { ActorId } from "../formats/actor-id.ts";
import { FormatError } from "../formats/format-error.ts";
import { assertSqliteImage, PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { AbortedError, assertNotAborted, FenceLostError } from "./errors.ts";
import { inOrder } from "./in-order.ts";
import type { ImageFacts, Outcome, Verdict } from "./outcome.ts";
import type { PageBatch } from "./pages.ts";
import type { StagedPlan } from "./staged-plan.ts";
import { storeRows } from "./rows.ts";
import { assertSameImage } from "./small-image.ts";
import { beginStage, discardStage, finalizeStage, recordWithoutStage, type StageFence } from "./stage-fence.ts";
import type { ImageSpec, StagedImage, StagedRows } from "./targets/target.ts";
import { readV1Image } from "./v1/image-reader.ts";
import { isRejection, rejectionOf } from "./verdict.ts";

/** Staging transactions under way at once: hides the commit's latency, bounds memory to so many megabytes. */
const WRITES_IN_FLIGHT = 4;
const STAGE_RANDOM_BYTES = 16;

/**
 * Migrates one large actor: takes the lease, stages rows in transactions of about 1 MB, reads them back, and switches in one small
 * transaction. Nothing of it is visible to a reader before that. An attempt that fails leaves a lease that others may take at once.
 */
export async function migrateStaged(
  context: MigrationContext,
  id: ActorId,
  options: MigrationOptions,
  plan: StagedPlan,
  signal: AbortSignal,
): Promise<Outcome> {
  const attempt = new StagedAttempt(context, id, options, plan, signal);
  return attempt.run();
}

/** What was staged: the image's facts as read from v1, and what its rows add to the storage used. */
interface StagedFacts {
  readonly facts: ImageFacts;
  readonly storageBytes: number;
}

class StagedAttempt {
  readonly #context: MigrationContext;
  readonly #id: ActorId;
  readonly #options: MigrationOptions;
  readonly #plan: StagedPlan;
  readonly #signal: AbortSignal;
  /** Set once the lease is taken: from here on every write is fenced by it. */
  #fence: StageFence | undefined;

  constructor(
    context: MigrationContext,
    id: ActorId,
    options: MigrationOptions,
    plan: StagedPlan,
    signal: AbortSignal,
  ) {
    this.#context = context;
    this.#id = id;
    this.#options = options;
    this.#plan = plan;
    this.#signal = signal;
  }

  async run(): Promise<Outcome> {
    try {
      return await this.#attempt();
    } catch (error) {
      await this.#release(error);
      throw error;
    }
  }

  /** What is wrong with the data becomes the outcome; everything else is thrown. */
  async #attempt(): Promise<Outcome> {
    try {
      if (this.#plan.disturbs) {
        await this.#checkOnly();
      }
      return await this.#stageAndSwitch();
    } catch (error) {
      if (isRejection(error)) {
        return await this.#giveUp(rejectionOf(error));
      }
      throw error;
    }
  }

  /** Reads everything once and writes nothing. @throws FormatError whose code is the reject reason. */
  async #checkOnly(): Promise<void> {
    const batches = this.#readImage();
    while ((await batches.next()).done !== true) {
      // Only a right image comes to its end.
    }
  }

  async #stageAndSwitch(): Promise<Outcome> {
    const { target, randomBytes } = this.#context;
    const wanted: ImageSpec = {
      layout: target.layoutOf(this.#options.layout),
      pageCount: this.#plan.imageBytes / PAGE_BYTES,
      creationTsMs: this.#context.now(),
    };
    const spec = { ...wanted, stage: target.newStage(wanted, randomBytes(STAGE_RANDOM_BYTES)) };
    const batches = this.#readImage();
    try {
      // The first pages are read, and with them the header checked, before the first row is written.
      const first = await batches.next();
      const begun = await beginStage(this.#context, this.#id, this.#options, { spec, plan: this.#plan }, this.#signal);
      if (begun.kind === "verdict") {
        return begun.outcome;
      }
      this.#fence = begun.fence;
      const staged = await this.#stageAll(begun.fence, spec, chain(first.done === true ? [] : [first.value], batches));
      return await this.#verifyAndSwitch(begun.fence, spec, staged);
    } finally {
      // Reads ahead that nobody waits for any more end here, and not after the attempt.
      await batches.return();
    }
  }

  async #stageAll(fence: StageFence, spec: ImageSpec, batches: AsyncIterable<PageBatch>): Promise<StagedFacts> {
    const hash = createHash("sha256");
    let storageBytes = 0;
    for await (const staged of inOrder(this.#stage(fence, spec, { batches, hash }), WRITES_IN_FLIGHT)) {
      storageBytes += staged;
      this.#context.observer.enter("read");
    }
    const facts = { pages: spec.pageCount, bytes: this.#plan.imageBytes, sha256: hash.digest("hex") };
    return { facts, storageBytes };
  }

  async #verifyAndSwitch(fence: StageFence, spec: StagedImage["spec"], staged: StagedFacts): Promise<Outcome> {
    const { observer, target } = this.#context;
    const image: StagedImage = { spec, storageBytes: staged.storageBytes, basis: this.#plan.basis };
    await target.sealStage(image, async (body) => {
      assertNotAborted(this.#signal);
      await fence.run(body, "seal", this.#signal);
      await fence.renewWhenDue(this.#signal);
    });
    if (this.#options.verify) {
      observer.enter("verify");
      await assertSameImage(this.#readBack(fence, spec), staged.facts);
    }
    observer.enter("write");
    assertNotAborted(this.#signal);
    const { advice } = this.#plan;
    const verdict: Verdict = {
      state: "migrated",
      image: staged.facts,
      layout: spec.layout,
      ...(advice === undefined ? {} : { detail: advice }),
    };
    return finalizeStage(fence, { image, verdict, plan: this.#plan }, this.#signal);
  }

  /** Gives the commits of staged rows as tasks, in order, each resolving to the storage bytes it added. */
  async *#stage(
    fence: StageFence,
    spec: ImageSpec,
    image: { batches: AsyncIterable<PageBatch>; hash: Hash },
  ): AsyncGenerator<() => Promise<number>, void, undefined> {
    const { observer, target } = this.#context;
    const stager = target.makeStager(this.#id, spec);
    const commit = (staged: StagedRows) => async (): Promise<number> => {
      await fence.write(staged.rows, this.#signal);
      return staged.storageBytes;
    };
    for await (const { firstPgno, pages } of image.batches) {
      observer.enter("encode");
      for (const [index, page] of pages.entries()) {
        image.hash.update(page);
        stager.add(firstPgno + index, page);
        if (stager.ready) {
          observer.enter("write");
          yield commit(stager.take());
          observer.enter("encode");
        }
      }
      await fence.renewWhenDue(this.#signal);
      observer.enter("read");
    }
    observer.enter("write");
    yield commit(stager.finish());
    while (stager.ready) {
      yield commit(stager.take());
    }
  }

  /** The v1 image, checked as it is read. @throws FormatError whose code is the reject reason. */
  async *#readImage(): AsyncGenerator<PageBatch, void, undefined> {
    const { imageBytes } = this.#plan;
    let headerError: FormatError | undefined;
    for await (const batch of readV1Image(this.#context.store, this.#id, imageBytes, this.#signal)) {
      assertNotAborted(this.#signal);
      const [first] = batch.pages;
      if (batch.firstPgno === 1 && first !== undefined) {
        headerError = headerErrorOf(first.subarray(0, imageBytes), imageBytes);
      }
      if (headerError === undefined) {
        yield batch;
      }
    }
    if (headerError !== undefined) {
      throw headerError;
    }
  }

  async *#readBack(fence: StageFence, spec: ImageSpec): AsyncGenerator<PageBatch, void, undefined> {
    const rows = storeRows(this.#context.store, this.#signal);
    for await (const batch of this.#context.target.readPages(rows, this.#id, spec.pageCount, spec.stage)) {
      assertNotAborted(this.#signal);
      await fence.renewWhenDue(this.#signal);
      yield batch;
    }
  }

  async #giveUp(verdict: Verdict): Promise<Outcome> {
    return this.#fence === undefined
      ? recordWithoutStage(this.#context, this.#id, this.#options, { verdict, plan: this.#plan }, this.#signal)
      : discardStage(this.#fence, { verdict, plan: this.#plan }, this.#signal);
  }

  /** Lets the next attempt begin at once. What failed before is what the caller gets to see. */
  async #release(error: unknown): Promise<void> {
    if (this.#fence === undefined) {
      return;
    }
    if (error instanceof FenceLostError) {
      this.#context.observer.fenceLost?.(error.code);
    }
    try {
      await this.#fence.release();
    } catch (releaseError) {
      if (!(releaseError instanceof FenceLostError || releaseError instanceof AbortedError)) {
        this.#context.observer.releaseFailed?.(releaseError);
      }
    }
  }
}

async function* chain(first: readonly PageBatch[], rest: AsyncGenerator<PageBatch>): AsyncGenerator<PageBatch> {
  yield* first;
  yield* rest;
}

function headerErrorOf(start: Uint8Array, imageBytes: number): FormatError | undefined {
  try {
    assertSqliteImage(start, imageBytes);
    return undefined;
  } catch (error) {
    if (error instanceof FormatError) {
      return error;
    }
    throw error;
  }
}
