import { createHash } from "node:crypto";
import type { ActorId } from "../formats/actor-id.ts";
import { FormatError } from "../formats/format-error.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";
import { openImage } from "./image-source.ts";
import type { IntegrityMode } from "./integrity/integrity.ts";
import type { Outcome } from "./outcome.ts";
import { inflated, type PageBatch } from "./pages.ts";
import type { ByteSource } from "./recovery/byte-source.ts";
import { storeRows, transactionRows } from "./rows.ts";
import { mainMetadata, outlineOfRows, surveyV1 } from "./v1/survey.ts";
import { mainFileBytes, needsRecovery, type Sidecars } from "./v1/v1-checks.ts";

/** What a later look at a migrated actor found. */
export type Verification = ImageVerification | NoImage;

/**
 * Of an actor with a v2 image.
 *
 * `comparison`: `same`, `different`; or why v1 and v2 were not compared: `no_v1_data` (cleaned up), `written_since` (v2 goes on by
 * itself), `not_migrated` (v2 is not of Ferry's making, as far as the ledger knows). `integrity`: what SQLite says of the v2 image.
 */
export interface ImageVerification {
  readonly comparison: "same" | "different" | "no_v1_data" | "written_since" | "not_migrated";
  readonly integrity: "ok" | "failed" | "unreadable";
  /** SQLite's lines, or the sentence that says why v2 cannot be read. */
  readonly lines: readonly string[];
  readonly pages: number;
}

/** There is no complete v2 image: as it has to be when the actor was taken back to v1, and a loss otherwise. */
export interface NoImage {
  readonly comparison: "rolled_back" | "no_v2_image";
}

/** Compares an actor's v2 image with v1, as far as that still means something, and has SQLite check v2 in any case. */
export async function verifyActor(
  context: MigrationContext,
  id: ActorId,
  options: MigrationOptions,
  mode: IntegrityMode,
  signal: AbortSignal,
): Promise<Verification> {
  // Together: an actor that is migrated again between the two must not be found with neither.
  const { pages, outcome } = await context.store.transact(
    async (tx) => {
      const [count, last] = await Promise.all([
        context.target.readPageCount(transactionRows(tx), id),
        context.ledger.read(tx, id),
      ]);
      return { pages: count, outcome: last };
    },
    { label: "verify", signal },
  );
  if (pages === undefined) {
    return { comparison: outcome?.reason === "rolled_back" ? "rolled_back" : "no_v2_image" };
  }
  const rows = storeRows(context.store, signal);
  const read = (): AsyncGenerator<PageBatch, void, undefined> => inflated(context.target.readBlocks(rows, id, pages));
  try {
    const comparison = await compare(context, id, options, read, signal);
    const { ok, lines } = await checkV2(context, { read, pages, mode }, signal);
    return { comparison, integrity: ok ? "ok" : "failed", lines, pages };
  } catch (error) {
    if (error instanceof FormatError) {
      return { comparison: "different", integrity: "unreadable", lines: [error.message], pages };
    }
    throw error;
  }
}

/** Whether v2 can be read to its end and SQLite finds nothing wrong with it. */
export async function opensClean(
  context: MigrationContext,
  id: ActorId,
  mode: IntegrityMode,
  signal: AbortSignal,
): Promise<boolean> {
  const rows = storeRows(context.store, signal);
  const pages = await context.target.readPageCount(rows, id);
  if (pages === undefined) {
    return false;
  }
  try {
    const read = (): AsyncGenerator<PageBatch, void, undefined> => inflated(context.target.readBlocks(rows, id, pages));
    return (await checkV2(context, { read, pages, mode }, signal)).ok;
  } catch (error) {
    if (error instanceof FormatError) {
      return false;
    }
    throw error;
  }
}

async function compare(
  context: MigrationContext,
  id: ActorId,
  options: MigrationOptions,
  readV2: () => AsyncIterable<PageBatch>,
  signal: AbortSignal,
): Promise<ImageVerification["comparison"]> {
  const seen = await context.store.transact(
    async (tx) => {
      const [outcome, survey] = await Promise.all([
        context.ledger.read(tx, id),
        surveyV1(tx, id, options.smallImageBytes),
      ]);
      const untouched = outcome?.pages !== undefined && (await context.target.isUntouched(tx, id, outcome.pages));
      return { outcome, survey, untouched };
    },
    { label: "verify", signal },
  );
  const { outcome, survey } = seen;
  if (survey.kind === "none") {
    return "no_v1_data";
  }
  if (outcome?.state !== "migrated") {
    return "not_migrated";
  }
  if (!seen.untouched) {
    return "written_since";
  }
  const { sidecars, metadataRows } = survey.kind === "large" ? survey : outlineOfRows(id, survey.rows);
  const mainBytes = mainFileBytes(mainMetadata(id, metadataRows), Number.MAX_SAFE_INTEGER);
  const source = await openImage(
    context.store,
    id,
    { mainBytes, ...recoveredFrom(sidecars, outcome) },
    { ...AS_MIGRATED, maxImageBytes: Number.MAX_SAFE_INTEGER },
    signal,
  );
  const [v1, v2] = [await digestOf(source.readPages(signal)), await digestOf(readV2())];
  return v1 === v2 ? "same" : "different";
}

/** A migrated actor's sidecars were let pass then; how, its outcome says. */
const AS_MIGRATED = { journal: "rollback", sidecars: "tolerate", wal: "apply" } as const;

function recoveredFrom(sidecars: Sidecars, outcome: Outcome): { sidecars?: Sidecars } {
  return outcome.recovery !== undefined && needsRecovery(sidecars, AS_MIGRATED) ? { sidecars } : {};
}

async function digestOf(batches: AsyncIterable<PageBatch>): Promise<string> {
  const hash = createHash("sha256");
  for await (const { pages } of batches) {
    for (const page of pages) {
      hash.update(page);
    }
  }
  return hash.digest("hex");
}

async function checkV2(
  context: MigrationContext,
  image: { read: () => AsyncGenerator<PageBatch, void, undefined>; pages: number; mode: IntegrityMode },
  signal: AbortSignal,
): Promise<{ ok: boolean; lines: readonly string[] }> {
  const source = new PageStream(image.read(), image.pages * PAGE_BYTES);
  try {
    const result = await context.checkIntegrity(source, image.mode, signal);
    return { ok: result.ok, lines: result.ok ? [] : result.lines };
  } finally {
    await source.close();
  }
}

/** Pages in order as bytes that are read once, from the start on: how SQLite's check takes an image over. */
class PageStream implements ByteSource {
  readonly size: number;
  readonly #batches: AsyncGenerator<PageBatch, void, undefined>;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #last: Promise<void> = Promise.resolve();

  constructor(batches: AsyncGenerator<PageBatch, void, undefined>, size: number) {
    this.#batches = batches;
    this.size = size;
  }

  /** Reads ahead of each other come in order, and are answered in order. */
  read(_offset: number, length: number): Promise<Uint8Array> {
    const read = this.#last.then(() => this.#next(length));
    this.#last = read.then(
      () => undefined,
      () => undefined,
    );
    return read;
  }

  async #next(length: number): Promise<Uint8Array> {
    while (this.#pendingBytes < length) {
      const next = await this.#batches.next();
      if (next.done === true) {
        break;
      }
      this.#pending.push(...next.value.pages);
      this.#pendingBytes += next.value.pages.length * PAGE_BYTES;
    }
    const bytes = Buffer.concat(this.#pending);
    this.#pending = [bytes.subarray(length)];
    this.#pendingBytes = Math.max(0, bytes.length - length);
    return bytes.subarray(0, length);
  }

  async close(): Promise<void> {
    await this.#batches.return();
  }
}
