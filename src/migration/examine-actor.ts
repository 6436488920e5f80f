import type { ActorId } from "../formats/actor-id.ts";
import { FormatError } from "../formats/format-error.ts";
import { assertSqliteImage, PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { Transaction } from "../store/store.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { readSurroundings, reasonNotToMigrate } from "./decide.ts";
import { assertNotAborted } from "./errors.ts";
import type { Outcome } from "./outcome.ts";
import { encodeSmallImage, smallImageOf } from "./small-image.ts";
import type { Stager } from "./targets/target.ts";
import { mainMetadata, surveyV1, type V1Survey } from "./v1/survey.ts";
import { assertNoSidecars, mainFileBytes } from "./v1/v1-checks.ts";
import { readV1Image } from "./v1/image-reader.ts";
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
  assertNotAborted(signal);
  const nowMs = context.now();
  try {
    const first = await context.store.transact(async (tx) => examineSmall(context, tx, id, { options, nowMs }), {
      label: "examine",
      signal,
    });
    return "state" in first ? first : await examineLarge(context, id, first, { options, nowMs, signal });
  } catch (error) {
    if (isRejection(error)) {
      const { state, reason, detail } = rejectionOf(error);
      return { ...NOTHING, state, reason, detail };
    }
    throw error;
  }
}

const NOTHING = { bytes: 0, v2Bytes: 0, transactions: 1 } as const;

type Large = V1Survey & { kind: "large" };

async function examineSmall(
  context: MigrationContext,
  tx: Transaction,
  id: ActorId,
  { options, nowMs }: { options: MigrationOptions; nowMs: number },
): Promise<Examination | Large> {
  context.observer.enter("read");
  const [survey, surroundings] = await Promise.all([
    surveyV1(tx, id, options.smallImageBytes),
    readSurroundings(context, tx, id),
  ]);
  context.observer.enter("check");
  if (survey.kind === "none") {
    return { ...NOTHING, state: "skipped", reason: "no_v1_data" };
  }
  const verdict = reasonNotToMigrate(surroundings, nowMs);
  if (verdict !== undefined) {
    const { state } = verdict;
    return { ...NOTHING, state, ...("reason" in verdict ? { reason: verdict.reason } : {}) };
  }
  if (survey.kind === "large") {
    return survey;
  }
  const image = smallImageOf(id, survey.rows, options);
  const spec = { layout: options.layout, pageCount: image.pages.length, creationTsMs: nowMs };
  const { storageBytes } = await encodeSmallImage(context, id, image, spec, options.verify);
  return { state: "migrated", bytes: image.facts.bytes, v2Bytes: storageBytes, transactions: 1 };
}

async function examineLarge(
  context: MigrationContext,
  id: ActorId,
  { sidecars, metadataRows }: Large,
  facts: { options: MigrationOptions; nowMs: number; signal: AbortSignal },
): Promise<Examination> {
  const { options, nowMs, signal } = facts;
  assertNoSidecars(sidecars);
  const imageBytes = mainFileBytes(mainMetadata(id, metadataRows), options.maxImageBytes);
  const pageCount = Math.ceil(imageBytes / PAGE_BYTES);
  const written = new Written(
    context.target.makeStager(id, { layout: options.layout, pageCount, creationTsMs: nowMs }),
  );
  let headerError: FormatError | undefined;
  context.observer.enter("read");
  for await (const { firstPgno, pages } of readV1Image(context.store, id, imageBytes, signal)) {
    context.observer.enter("encode");
    const [first] = pages;
    if (firstPgno === 1 && first !== undefined) {
      headerError = headerErrorOf(first.subarray(0, imageBytes), imageBytes);
    }
    // What is wrong with chunks is found before what is wrong with the header, so reading goes on.
    if (headerError === undefined) {
      written.add(firstPgno, pages);
    }
    context.observer.enter("read");
  }
  if (headerError !== undefined) {
    throw headerError;
  }
  written.end();
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
      this.#stager.add(firstPgno + index, page);
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

  #count(staged: { storageBytes: number }): void {
    this.bytes += staged.storageBytes;
    this.transactions += 1;
  }
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
