import type { ActorId } from "../formats/actor-id.ts";
import { FormatError, formatErrorOf } from "../formats/format-error.ts";
import { assertSqliteImage } from "../formats/sqlite-header.ts";
import { FILE_TAG } from "../formats/v1-file.ts";
import type { Store } from "../store/store.ts";
import { assertNotAborted } from "./errors.ts";
import type { RecoveryFacts } from "./outcome.ts";
import type { PageBatch } from "./pages.ts";
import type { ByteSource } from "./recovery/byte-source.ts";
import { readImagePages } from "./recovery/image-pages.ts";
import type { JournalPlan } from "./recovery/journal-plan.ts";
import { recoverImage } from "./recovery/recover-image.ts";
import { RecoveredImage } from "./recovery/recovered-image.ts";
import type { WalPlan } from "./recovery/wal-plan.ts";
import { readV1Image } from "./v1/image-reader.ts";
import { UnwrittenPages } from "./v1/unwritten-pages.ts";
import type { SidecarPolicy, Sidecars } from "./v1/v1-checks.ts";
import { V1FileSource } from "./v1/v1-file-source.ts";

/** Where a large image comes from: the main file as it lies in v1, or what recovery makes of it and its sidecars. */
export interface ImageSource {
  readonly imageBytes: number;
  /** At any place, for SQLite's own checks. */
  readonly bytes: ByteSource;
  /** What was done about sidecars. */
  readonly recovery?: RecoveryFacts;
  /** In order, checked as they are read. @throws FormatError whose code is the reject reason. */
  readPages(signal: AbortSignal): AsyncGenerator<PageBatch, void, undefined>;
}

/** What is known of a large image before it is read. */
export interface LargeOutline {
  /** The main file's size. */
  readonly mainBytes: number;
  /** Present when the image has to be recovered from the main file and these. */
  readonly sidecars?: Sidecars;
}

/** Which sidecars may be recovered from, and how large the image may become by it. */
export type RecoveryPolicy = SidecarPolicy & { readonly maxImageBytes: number };

/** The image of an actor whose outline is known. @throws FormatError as `recoveredImage`. */
export async function openImage(
  store: Store,
  id: ActorId,
  { mainBytes, sidecars, policy }: LargeOutline & { readonly policy: RecoveryPolicy },
  signal: AbortSignal,
): Promise<ImageSource> {
  return sidecars === undefined
    ? mainFileImage(store, id, mainBytes, signal)
    : recoveredImage(store, id, { sidecars, mainBytes, policy }, signal);
}

/** The main file itself: its chunks, none more, and none less than SQLite wrote. */
function mainFileImage(store: Store, id: ActorId, imageBytes: number, signal: AbortSignal): ImageSource {
  const file = { size: imageBytes, signal };
  const unwritten = new UnwrittenPages(new V1FileSource(store, id, FILE_TAG.main, file));
  return {
    imageBytes,
    bytes: new V1FileSource(store, id, FILE_TAG.main, { ...file, unwritten }),
    readPages: (readSignal) =>
      checked(readV1Image(store, id, { imageBytes, unwritten }, readSignal), imageBytes, readSignal),
  };
}

/**
 * The image as SQLite would leave it on opening the main file with its journal and its log. Nothing is written to v1.
 * @throws FormatError `journal_present`, `wal_present` where nothing exact can be recovered, `too_large`, and what the files' reading throws.
 */
async function recoveredImage(
  store: Store,
  id: ActorId,
  { sidecars, mainBytes, policy }: Required<LargeOutline> & { readonly policy: RecoveryPolicy },
  signal: AbortSignal,
): Promise<ImageSource> {
  const file = { size: mainBytes, signal };
  const main = new V1FileSource(store, id, FILE_TAG.main, file);
  const journal = sidecars.journal ? await openSidecar(store, id, "journal", signal) : undefined;
  const wal = sidecars.wal ? await openSidecar(store, id, "wal", signal) : undefined;
  const found = await recoverImage({ main, journal, wal }, { maxImageBytes: policy.maxImageBytes });
  assertRecoverable(found.journal, found.wal, policy);
  const { image } = found;
  if (image === undefined) {
    throw new FormatError("wal_present", "SQLite itself would refuse the write-ahead log beside the database.", {
      state: found.wal?.state,
    });
  }
  const recovery = factsOf(found.journal, found.wal);
  if (!(image instanceof RecoveredImage)) {
    // The sidecars change nothing, so the main file has to be whole.
    return { ...mainFileImage(store, id, mainBytes, signal), recovery };
  }
  // The freelist that counts is the recovered image's: what the main file's says may be half of a transaction.
  const unwritten = new UnwrittenPages(image);
  const bytes = image.over(new V1FileSource(store, id, FILE_TAG.main, { ...file, unwritten }));
  return {
    imageBytes: bytes.size,
    bytes,
    recovery,
    readPages: (readSignal) => checked(readImagePages(bytes, readSignal), bytes.size, readSignal),
  };
}

async function openSidecar(
  store: Store,
  id: ActorId,
  name: "journal" | "wal",
  signal: AbortSignal,
): Promise<V1FileSource> {
  const file = await V1FileSource.open(store, id, FILE_TAG[name], signal);
  if (file === undefined) {
    // To SQLite the file would not exist; whether it was deleted or its metadata lost, nobody can tell.
    throw new FormatError(
      `${name}_present`,
      `The ${name} beside the database has chunks but no metadata: its size is unknown.`,
    );
  }
  return file;
}

function assertRecoverable(journal: JournalPlan, wal: WalPlan | undefined, policy: SidecarPolicy): void {
  if (journal.state === "too_large" || wal?.state === "too_large") {
    throw new FormatError("too_large", "The database is larger than the configured limit once it is recovered.");
  }
  if (wal?.state === "valid_frames" && policy.wal !== "apply") {
    throw new FormatError("wal_present", "The write-ahead log beside the database holds committed changes.", {
      framesCommitted: wal.framesCommitted,
      pages: wal.pagesApplied,
    });
  }
}

function factsOf(journal: JournalPlan, wal: WalPlan | undefined): RecoveryFacts {
  const { state } = journal;
  return {
    journal: state,
    ...(journal.state === "hot"
      ? {
          recordsPlayed: journal.recordsPlayed,
          pagesRestored: journal.pagesRestored,
          pagesDropped: journal.pagesDropped,
        }
      : {}),
    ...(wal === undefined || wal.state === "absent" ? {} : { wal: wal.state }),
    ...(wal?.state === "valid_frames" ? { framesApplied: wal.framesCommitted } : {}),
  };
}

/** A bad header is reported only when everything behind it was read and is right: the order of FORMATS §3. */
async function* checked(
  batches: AsyncIterable<PageBatch>,
  imageBytes: number,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  let headerError: FormatError | undefined;
  for await (const batch of batches) {
    assertNotAborted(signal);
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

function headerErrorOf(start: Uint8Array, imageBytes: number): FormatError | undefined {
  try {
    assertSqliteImage(start, imageBytes);
    return undefined;
  } catch (error) {
    return formatErrorOf(error);
  }
}
