import type { ActorId } from "../formats/actor-id.ts";
import { FormatError } from "../formats/format-error.ts";
import { withCompressedPage } from "../formats/page-codec.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { readSurroundings, reasonNotToMigrate, reasonNotToStage, type Surroundings } from "./decide.ts";
import { assertNotAborted } from "./errors.ts";
import type { Outcome, Verdict } from "./outcome.ts";
import { assertIntegrity } from "./integrity/assert-integrity.ts";
import { MemorySource } from "./recovery/byte-source.ts";
import { concatBytes } from "../formats/bytes.ts";
import { openImage, type LargeOutline } from "./image-source.ts";
import { encodeSmallImage, smallImageOf, type SmallImage } from "./small-image.ts";
import type { ImageOutline, StagedRows, Stager } from "./targets/target.ts";
import { mainMetadata, outlineOfRows, surveyV1 } from "./v1/survey.ts";
import { mainFileBytes, needsRecovery } from "./v1/v1-checks.ts";
import { isRejection, rejectionOf } from "./verdict.ts";

/** What a migration of an actor would come to, were it tried now, and what it would write. */
export interface Examination {
  readonly state: Outcome["state"];
  readonly reason?: string;
  readonly detail?: string;
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
    const first = await context.store.transact(async (tx) => survey(attempt, tx, nowMs), {
      label: "examine",
      signal,
    });
    switch (first.kind) {
      case "decided":
        return first.examination;
      case "small":
        return await examineSmall(attempt, first.image, nowMs);
      case "large":
        return await examineLarge(attempt, first, nowMs);
    }
  } catch (error) {
    if (isRejection(error)) {
      const { state, reason, detail } = rejectionOf(error);
      return { ...NOTHING, state, reason, detail };
    }
    throw error;
  }
}

const NOTHING = { bytes: 0, v2Bytes: 0, transactions: 1 } as const;

/** What one transaction tells: the answer, a small image, or where a large one is to be read. */
type Surveyed =
  | { readonly kind: "decided"; readonly examination: Examination }
  | { readonly kind: "small"; readonly image: SmallImage }
  | Large;

interface Large extends LargeOutline {
  readonly kind: "large";
}

async function survey(attempt: Attempt, tx: Transaction, nowMs: number): Promise<Surveyed> {
  const { context, id, options } = attempt;
  context.observer.enter("read");
  const [found, surroundings] = await Promise.all([
    surveyV1(tx, id, options.smallImageBytes),
    readSurroundings(attempt, tx),
  ]);
  context.observer.enter("check");
  if (found.kind === "none") {
    return { kind: "decided", examination: { ...NOTHING, state: "skipped", reason: "no_v1_data" } };
  }
  const verdict = reasonNotToMigrate(surroundings, options, nowMs);
  if (verdict !== undefined) {
    return decided(verdict);
  }
  const image = found.kind === "large" ? undefined : smallImageOf(id, found.rows, options);
  if (image !== undefined) {
    const outline = { pageCount: image.pages.length, recovered: false };
    return refusal(context, surroundings, outline) ?? { kind: "small", image };
  }
  const { sidecars, metadataRows } = found.kind === "large" ? found : outlineOfRows(found.rows);
  const recovers = needsRecovery(sidecars, options);
  const mainBytes = mainFileBytes(mainMetadata(id, metadataRows), options.maxImageBytes);
  const unprovable = reasonNotToStage(surroundings.actor);
  if (unprovable !== undefined) {
    return decided(unprovable);
  }
  const outline = { pageCount: Math.ceil(mainBytes / PAGE_BYTES), recovered: recovers };
  const refused = refusal(context, surroundings, outline);
  return refused ?? { kind: "large", mainBytes, ...(recovers ? { sidecars } : {}) };
}

/** What the target says against such an image. @throws FormatError whose code is the reject reason */
function refusal(context: MigrationContext, { v2 }: Surroundings, image: ImageOutline): Surveyed | undefined {
  const verdict = v2 instanceof FormatError ? undefined : context.target.admit(v2, image);
  return verdict === undefined ? undefined : decided(verdict);
}

function decided(verdict: Verdict): Surveyed {
  const reason = "reason" in verdict ? { reason: verdict.reason } : {};
  return { kind: "decided", examination: { ...NOTHING, state: verdict.state, ...reason } };
}

/** Outside the transaction, as SQLite's check may take longer than one may last. */
async function examineSmall(attempt: Attempt, image: SmallImage, nowMs: number): Promise<Examination> {
  const { context, options } = attempt;
  await assertIntegrity(attempt, new MemorySource(concatBytes(...image.pages)));
  const layout = context.target.layoutOf(options.layout);
  const wanted = { layout, pageCount: image.pages.length, creationTsMs: nowMs };
  const spec = { ...wanted, stage: context.target.newStage(wanted, context.randomBytes(16)) };
  const { storageBytes } = await encodeSmallImage(attempt, image, spec);
  return { state: "migrated", bytes: image.facts.bytes, v2Bytes: storageBytes, transactions: 1 };
}

async function examineLarge(attempt: Attempt, outline: LargeOutline, nowMs: number): Promise<Examination> {
  const { context, id, options, signal } = attempt;
  const source = await openImage(context.store, id, { ...outline, policy: options }, signal);
  const { imageBytes } = source;
  const pageCount = Math.ceil(imageBytes / PAGE_BYTES);
  const written = new Written(
    context.target.makeStager(id, { layout: context.target.layoutOf(options.layout), pageCount, creationTsMs: nowMs }),
  );
  context.observer.enter("read");
  for await (const { firstPgno, pages } of source.readPages(signal)) {
    context.observer.enter("encode");
    if (firstPgno === 1) {
      context.target.assertHeader(pages[0] ?? new Uint8Array(PAGE_BYTES), pageCount);
    }
    written.add(firstPgno, pages);
    context.observer.enter("read");
  }
  written.end();
  await assertIntegrity(attempt, source.bytes);
  // The lease before the parts and the switch after them.
  return {
    state: "migrated",
    bytes: imageBytes,
    v2Bytes: written.bytes,
    transactions: written.transactions + 2,
  };
}

/** Counts what a stager would have written, and lets go of it. */
class Written {
  readonly #stager: Stager;
  bytes = 0;
  transactions = 0;

  constructor(stager: Stager) {
    this.#stager = stager;
  }

  add(firstPgno: number, pages: readonly Uint8Array[]): void {
    for (const [index, page] of pages.entries()) {
      withCompressedPage(page, (block) => {
        this.#stager.add(firstPgno + index, block);
      });
      if (this.#stager.ready) {
        this.#count(this.#stager.take());
      }
    }
  }

  end(): void {
    this.#count(this.#stager.finish());
    while (this.#stager.ready) {
      this.#count(this.#stager.take());
    }
  }

  #count(staged: StagedRows): void {
    staged.release?.();
    this.bytes += staged.storageBytes;
    this.transactions += 1;
  }
}
