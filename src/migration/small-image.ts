import { createHash } from "node:crypto";
import type { ActorId } from "../formats/actor-id.ts";
import { actorKvSubspace } from "../formats/actor-kv.ts";
import { assertSqliteImage, PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { KeyValue } from "../store/store.ts";
import { inlineCodec } from "./codec/inline-codec.ts";
import type { Attempt } from "./attempt.ts";
import type { MigrationOptions } from "./context.ts";
import type { ImageFacts } from "./outcome.ts";
import { memoryRows } from "./rows.ts";
import { assertSameImage } from "./same-image.ts";
import { finishStaging, stagePages } from "./stage-pages.ts";
import type { StagedRows, StagedSpec } from "./targets/target.ts";
import { EntryReader } from "./v1/entry-reader.ts";
import { outlineOfRows, mainMetadata } from "./v1/survey.ts";
import { firstLostOf } from "./v1/unwritten-pages.ts";
import { ChunkSequence, mainFileBytes, needsRecovery } from "./v1/v1-checks.ts";

/** An image held whole: its pages and its facts. */
export interface SmallImage {
  readonly pages: readonly Uint8Array[];
  readonly facts: ImageFacts;
}

/**
 * A small actor's image from all its v1 rows, checked in FORMATS' order: sidecars, metadata, chunks, header. Undefined when it has to be
 * recovered from sidecars that the options let pass, or is not small but for chunks that are not there: neither is done in one
 * transaction.
 * @throws FormatError whose code is the reject reason.
 */
export function smallImageOf(
  id: ActorId,
  rows: readonly KeyValue[],
  options: MigrationOptions,
): SmallImage | undefined {
  const { sidecars, metadataRows, chunkRows } = outlineOfRows(rows);
  if (needsRecovery(sidecars, options)) {
    return undefined;
  }
  const imageBytes = mainFileBytes(mainMetadata(id, metadataRows), options.maxImageBytes);
  if (imageBytes > options.smallImageBytes) {
    return undefined;
  }
  const pages = pagesOf(id, chunkRows, imageBytes);
  assertSqliteImage((pages[0] ?? new Uint8Array(0)).subarray(0, imageBytes), imageBytes);
  return { pages, facts: factsOf(pages) };
}

/** A missing chunk is said before what lies behind it. @throws FormatError whose code is the reject reason. */
function pagesOf(id: ActorId, chunkRows: readonly KeyValue[], imageBytes: number): Uint8Array[] {
  const chunks = new ChunkSequence(imageBytes);
  const pages: Uint8Array[] = [];
  try {
    readChunks(id, chunkRows, chunks, pages);
  } catch (error) {
    assertNoneLost(chunks, pages, imageBytes);
    throw error;
  }
  assertNoneLost(chunks, pages, imageBytes);
  return pages;
}

function readChunks(id: ActorId, chunkRows: readonly KeyValue[], chunks: ChunkSequence, pages: Uint8Array[]): void {
  const take = (page: Uint8Array): void => {
    pages.push(page);
  };
  const entries = new EntryReader(actorKvSubspace(id));
  for (const entry of entries.push(chunkRows)) {
    chunks.push(entry, take);
  }
  entries.end();
  chunks.end(take);
}

/** @throws FormatError `chunk_missing` */
function assertNoneLost(chunks: ChunkSequence, pages: readonly Uint8Array[], imageBytes: number): void {
  const lost = chunks.missing.length === 0 ? undefined : firstLostOf(chunks.missing, pages, imageBytes);
  if (lost !== undefined) {
    throw chunks.missingChunk(lost);
  }
}

/** The rows of a small image, verified where the options ask for it, and what they add to the storage used. */
export async function encodeSmallImage(
  { context, id, options }: Attempt,
  image: SmallImage,
  spec: StagedSpec,
): Promise<{ rows: KeyValue[]; storageBytes: number }> {
  context.observer.enter("encode");
  const [page1] = image.pages;
  if (page1 !== undefined) {
    context.target.assertHeader(page1, spec.pageCount);
  }
  const stager = context.target.makeStager(id, spec);
  const rows: KeyValue[] = [];
  let storageBytes = 0;
  const keep = (staged: StagedRows): void => {
    rows.push(...staged.rows);
    storageBytes += staged.storageBytes;
  };
  stagePages(stager, { firstPgno: 1, pages: image.pages }, keep);
  finishStaging(stager, keep);
  if (options.verify) {
    context.observer.enter("verify");
    const blocks = context.target.readBlocks(memoryRows(rows), id, spec.pageCount, { stage: spec.stage });
    await assertSameImage(inlineCodec, blocks, image.facts);
  }
  return { rows, storageBytes };
}

function factsOf(pages: readonly Uint8Array[]): ImageFacts {
  const hash = createHash("sha256");
  for (const page of pages) {
    hash.update(page);
  }
  return { pages: pages.length, bytes: pages.length * PAGE_BYTES, sha256: hash.digest("hex") };
}
