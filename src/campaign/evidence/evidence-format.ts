import type { Outcome } from "../../migration/outcome.ts";
import type { WaiverEvent } from "../rejects/waive.ts";

/*
 * An evidence bundle: what is known of an actor that was not migrated, in one JSON document of any size. Its lines are laid out so that
 * both sides hold one row at a time:
 *
 *   {"head":{…},
 *   "rows":[
 *   {"key":…},            a line per row of the actor's v1 data, in key order
 *   {"key":…}
 *   ],
 *   "tail":{…},           what was counted
 *   "sha256":"…"}         hex, of all lines before this one with their line breaks
 *
 * Without content of pages: SHA-256 of every row's value, the first 100 bytes of the database, the headers of journal and log.
 */

export const EVIDENCE_FORMAT = "ferry-evidence";
export const EVIDENCE_VERSION = 1;

export const ROWS_BEGIN = '"rows":[';
export const ROWS_END = "],";
export const HEAD_BEGIN = '{"head":';
export const TAIL_BEGIN = '"tail":';
export const DIGEST_BEGIN = '"sha256":';

/** What is known before the rows are read. Times are RFC 3339. */
export interface EvidenceHead {
  readonly format: typeof EVIDENCE_FORMAT;
  readonly version: number;
  readonly actorId: string;
  readonly takenAt: string;
  readonly versions: Readonly<Record<string, string>>;
  /** Whether rows have their values. */
  readonly pagesIncluded: boolean;
  readonly asleep: boolean;
  readonly fingerprint?: string;
  readonly outcome?: Outcome;
  readonly history: readonly Outcome[];
  readonly waivers: readonly WaiverEvent[];
  /** META and the number of rows in v2, or why they cannot be read. */
  readonly v2?: unknown;
  /** Depot's branch, pool and row counts, where Depot is in use. */
  readonly depot?: unknown;
}

/** One row of the actor's v1 data. */
export interface EvidenceRow {
  /** Hex, behind what all keys of the actor's key-value space start with. */
  readonly key: string;
  readonly file?: string;
  /** What the key says it is; `other`: of no form that v1 writes. */
  readonly kind: "file_metadata" | "chunk" | "other";
  /** `metadata`: the row that closes an entry, with the writer's version and time. */
  readonly part: "value" | "metadata" | "other";
  /** Of a chunk: from byte 4096 × index of the file on. */
  readonly index?: number;
  /** Of an entry's value in several rows. */
  readonly piece?: number;
  /** Of the row's value. */
  readonly bytes: number;
  readonly sha256: string;
  /** Base64; of a file's metadata always, of the rest only where pages are included. */
  readonly value?: string;
}

/** What was counted over the rows. */
export interface EvidenceTail {
  readonly rows: number;
  readonly files: Readonly<Record<string, FileFacts>>;
  /** Rows of keys that v1 does not write. */
  readonly otherRows: number;
  /** Which versions of the engine's runner wrote the entries. */
  readonly writers: Readonly<Record<string, number>>;
  readonly firstUpdate?: string;
  readonly lastUpdate?: string;
}

/** One of SQLite's files. The lists end after 10. */
export interface FileFacts {
  /** By its metadata, or the sentence that says why there is none. */
  bytes: number | string;
  chunks: number;
  expectedChunks?: number;
  /** Ranges of missing chunks as `first-last`. */
  missing: string[];
  /** Chunks behind the size. */
  unexpected: number;
  /** Chunks over 4,096 bytes. */
  oversized: number[];
  /** The beginning, hex: 100 bytes of the database, 28 of a journal, 32 of a log. */
  start?: string;
  /** What that decodes to, or the sentence that says why it does not. */
  header?: unknown;
}
