import { viewOf } from "../../formats/bytes.ts";
import {
  JOURNAL_HEADER_BYTES,
  RECORD_COUNT_FROM_SIZE,
  RECORD_OVERHEAD_BYTES,
  SUPER_TRAILER_BYTES,
  decodeJournalHeader,
  decodeJournalRecord,
  decodeSuperJournalName,
  hasValidSizes,
  journalChecksum,
  lockingPage,
  type JournalHeader,
} from "../../formats/journal.ts";
import type { ByteSource } from "./byte-source.ts";
import { ForwardReader, readExactly } from "./forward-reader.ts";
import type { HotJournalPlan, JournalEnd, JournalPlan } from "./journal-plan.ts";
import { PageOverlay } from "./page-overlay.ts";
import { DEFAULT_MAX_IMAGE_BYTES, initialPageSize } from "./image-limits.ts";

/** What rollback depends on besides the bytes. */
export interface JournalOptions {
  /** The largest image worth planning for, in bytes; default 10 GiB. It also bounds the overlay: 8 bytes per page of it. */
  readonly maxImageBytes?: number;
  /**
   * The sector size of the storage that opens the file, in bytes; default 512, as SQLite takes it on Linux. A journal shorter than that
   * has no header. v1's own storage said 4096, which differs only for journals that were cut inside their first header.
   */
  readonly sectorSize?: number;
  /** Whether a super-journal of that name exists; default: never, an actor has no such file. */
  readonly superJournalExists?: (name: string) => boolean;
  /** The longest super-journal name that is taken for one, in bytes; default 512, SQLite's on Linux. */
  readonly maxSuperNameBytes?: number;
}

const DEFAULT_SECTOR_SIZE = 512;
const DEFAULT_MAX_SUPER_NAME_BYTES = 512;

/**
 * What SQLite would do on opening a main file beside which this journal lies: `hasHotJournal` and `pager_playback` of its pager.c, in
 * one pass over the journal, which is read no further than SQLite would believe it. No content can make it throw.
 */
export async function planJournalRollback(
  journal: ByteSource | undefined,
  main: ByteSource,
  options: JournalOptions = {},
): Promise<JournalPlan> {
  if (journal === undefined) {
    return { state: "absent" };
  }
  if (main.size === 0) {
    return { state: "main_empty" };
  }
  if (journal.size === 0) {
    return { state: "empty" };
  }
  const reader = new ForwardReader(journal);
  const start = (await reader.read(0, Math.min(journal.size, JOURNAL_HEADER_BYTES))) ?? new Uint8Array(0);
  if (start[0] === 0) {
    return { state: "zeroed" };
  }
  const superJournal = await readSuperJournalName(journal, options);
  if (superJournal !== undefined && options.superJournalExists?.(superJournal) !== true) {
    return { state: "super_journal_missing", superJournal };
  }
  const header = await firstHeader(start, journal, main, options);
  if (header === undefined) {
    return { state: "invalid_header" };
  }
  const imageBytes = header.initialPages * header.pageSize;
  if (imageBytes > (options.maxImageBytes ?? DEFAULT_MAX_IMAGE_BYTES)) {
    return { state: "too_large", header, imageBytes };
  }
  const playback = await play(reader, journal.size, header);
  return { ...hotPlan(header, main.size, playback), ...(superJournal === undefined ? {} : { superJournal }) };
}

/** SQLite looks for the name at the journal's very end, before and regardless of everything else in it. */
async function readSuperJournalName(journal: ByteSource, options: JournalOptions): Promise<string | undefined> {
  const maxNameBytes = options.maxSuperNameBytes ?? DEFAULT_MAX_SUPER_NAME_BYTES;
  const tailBytes = Math.min(journal.size, maxNameBytes + SUPER_TRAILER_BYTES);
  return decodeSuperJournalName(await readExactly(journal, journal.size - tailBytes, tailBytes), maxNameBytes);
}

/** The header at the journal's start if SQLite would act on it, with the page size it means. */
async function firstHeader(
  start: Uint8Array,
  journal: ByteSource,
  main: ByteSource,
  options: JournalOptions,
): Promise<JournalHeader | undefined> {
  if (journal.size < (options.sectorSize ?? DEFAULT_SECTOR_SIZE)) {
    return undefined;
  }
  const header = decodeJournalHeader(start);
  if (header === undefined) {
    return undefined;
  }
  const resolved = header.pageSize === 0 ? { ...header, pageSize: await initialPageSize(main) } : header;
  return hasValidSizes(resolved) ? resolved : undefined;
}

interface Playback {
  readonly overlay: PageOverlay;
  segments: number;
  recordsPlayed: number;
  recordsSkipped: number;
  lastPage: number;
  end: JournalEnd;
}

/** Walks the segments; the loop advances by a sector, 32 bytes at least, on every turn. */
async function play(reader: ForwardReader, journalBytes: number, first: JournalHeader): Promise<Playback> {
  const playback: Playback = {
    overlay: new PageOverlay(),
    segments: 0,
    recordsPlayed: 0,
    recordsSkipped: 0,
    lastPage: 0,
    end: "no_further_segment",
  };
  let offset = 0;
  for (;;) {
    offset = Math.ceil(offset / first.sectorSize) * first.sectorSize;
    const header = await segmentHeader(reader, offset, journalBytes, first);
    if (header === undefined) {
      return playback;
    }
    playback.segments += 1;
    const next = await playSegment(
      reader,
      { offset: offset + first.sectorSize, header, first, journalBytes },
      playback,
    );
    if (next === undefined) {
      return playback;
    }
    offset = next;
  }
}

/** A segment's header; only its count and nonce matter after the first. A first one shorter than its own sector still counts. */
async function segmentHeader(
  reader: ForwardReader,
  offset: number,
  journalBytes: number,
  first: JournalHeader,
): Promise<JournalHeader | undefined> {
  if (offset === 0) {
    return first;
  }
  if (offset + first.sectorSize > journalBytes) {
    return undefined;
  }
  const bytes = await reader.read(offset, JOURNAL_HEADER_BYTES);
  return bytes === undefined ? undefined : decodeJournalHeader(bytes);
}

interface Segment {
  /** Of its first record. */
  readonly offset: number;
  readonly header: JournalHeader;
  readonly first: JournalHeader;
  readonly journalBytes: number;
}

/** Plays a segment's records in order, later ones over earlier ones. Gives the offset behind it, or `undefined` when the journal ends there. */
async function playSegment(reader: ForwardReader, segment: Segment, playback: Playback): Promise<number | undefined> {
  const { header, first, journalBytes } = segment;
  const { pageSize } = first;
  const recordBytes = pageSize + RECORD_OVERHEAD_BYTES;
  const count =
    header.recordCount === RECORD_COUNT_FROM_SIZE
      ? Math.floor((journalBytes - first.sectorSize) / recordBytes)
      : header.recordCount;
  let offset = segment.offset;
  for (let index = 0; index < count; index += 1, offset += recordBytes) {
    const end = await playRecord(reader, offset, { first, nonce: header.nonce }, playback);
    if (end !== undefined) {
      playback.end = end;
      return undefined;
    }
  }
  return offset;
}

/** Plays one record. SQLite looks neither at the checksum of a page past the initial size nor whether it is there at all. */
async function playRecord(
  reader: ForwardReader,
  offset: number,
  { first, nonce }: { readonly first: JournalHeader; readonly nonce: number },
  playback: Playback,
): Promise<JournalEnd | undefined> {
  const { pageSize, initialPages } = first;
  const start = await reader.read(offset, 4 + pageSize);
  if (start === undefined) {
    return "record_cut_off";
  }
  const pageNumber = viewOf(start).getUint32(0);
  if (pageNumber === 0 || pageNumber === lockingPage(pageSize)) {
    return "page_number_invalid";
  }
  if (pageNumber > initialPages) {
    playback.recordsSkipped += 1;
    return undefined;
  }
  const bytes = await reader.read(offset, pageSize + RECORD_OVERHEAD_BYTES);
  const record = bytes === undefined ? undefined : decodeJournalRecord(bytes, pageSize);
  if (record === undefined) {
    return "record_cut_off";
  }
  if (journalChecksum(nonce, record.page) !== record.checksum) {
    return "checksum_mismatch";
  }
  playback.overlay.set(pageNumber, offset + 4);
  playback.recordsPlayed += 1;
  playback.lastPage = Math.max(playback.lastPage, pageNumber);
  return undefined;
}

/** The sizes that SQLite's `pager_truncate` and the restored pages give: it extends a file only if a whole page is missing. */
function hotPlan(header: JournalHeader, mainBytes: number, playback: Playback): HotJournalPlan {
  const { pageSize, initialPages } = header;
  const wanted = initialPages * pageSize;
  const resized = mainBytes < wanted && mainBytes + pageSize > wanted ? mainBytes : wanted;
  const imageBytes = Math.max(resized, playback.lastPage * pageSize);
  return {
    state: "hot",
    header,
    segments: playback.segments,
    recordsPlayed: playback.recordsPlayed,
    recordsSkipped: playback.recordsSkipped,
    pagesRestored: playback.overlay.size,
    pagesDropped: Math.max(0, Math.ceil(mainBytes / pageSize) - initialPages),
    end: playback.end,
    mainBytes: Math.min(mainBytes, wanted),
    imageBytes,
    imagePages: Math.ceil(imageBytes / pageSize),
    overlay: playback.overlay,
  };
}
