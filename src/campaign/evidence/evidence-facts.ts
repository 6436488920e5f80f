import { decodeEntryMetadata } from "../../formats/actor-kv.ts";
import { assertFormatError } from "../../formats/format-error.ts";
import { toHex } from "../../formats/bytes.ts";
import { decodeFileMetadata, V1_CHUNK_BYTES } from "../../formats/v1-file.ts";
import { timestampText } from "../row-texts.ts";
import type { EvidenceRow, EvidenceTail, FileFacts } from "./evidence-format.ts";
import { decodeStart, START_BYTES } from "./evidence-headers.ts";

/** Entries of a list in the facts. */
const LISTED = 10;
/** Versions counted apart; the rest count as `others`. */
const WRITERS = 20;

/** Counts an actor's v1 rows as they go by in key order: file metadata first, then the chunks of each file. */
export class EvidenceFacts {
  readonly #files = new Map<string, FileFacts & { next: number; pending: number }>();
  readonly #writers = new Map<string, number>();
  #rows = 0;
  #otherRows = 0;
  #first = Infinity;
  #last = -Infinity;

  add(row: EvidenceRow, value: Uint8Array): void {
    this.#rows += 1;
    if (row.part === "metadata") {
      this.#addWriter(value);
    }
    if (row.file === undefined || row.kind === "other" || row.part === "other") {
      this.#otherRows += 1;
    } else if (row.part === "value") {
      const file = this.#file(row.file);
      if (row.kind === "file_metadata") {
        setSize(file, value);
      } else {
        addChunk(file, row, value);
      }
    }
  }

  /** What was counted. */
  tail(): EvidenceTail {
    const files = [...this.#files].map(([name, { next, pending: _, ...facts }]): [string, FileFacts] => {
      const { expectedChunks } = facts;
      const rest = expectedChunks !== undefined && next < expectedChunks ? [rangeText(next, expectedChunks)] : [];
      return [name, { ...facts, missing: [...facts.missing, ...rest] }];
    });
    return {
      rows: this.#rows,
      files: Object.fromEntries(files),
      otherRows: this.#otherRows,
      writers: Object.fromEntries(this.#writers),
      ...(this.#first <= this.#last
        ? { firstUpdate: timestampText(this.#first), lastUpdate: timestampText(this.#last) }
        : {}),
    };
  }

  #file(name: string): FileFacts & { next: number; pending: number } {
    const file = this.#files.get(name) ?? {
      ...{ bytes: "no metadata", chunks: 0, missing: [], unexpected: 0, oversized: [], next: 0, pending: 0 },
    };
    this.#files.set(name, file);
    return file;
  }

  #addWriter(value: Uint8Array): void {
    let name: string;
    try {
      const { version, updateTs } = decodeEntryMetadata(value);
      name = new TextDecoder().decode(version.subarray(0, 64));
      this.#first = Math.min(this.#first, Number(updateTs));
      this.#last = Math.max(this.#last, Number(updateTs));
    } catch (error) {
      assertFormatError(error);
      name = "unreadable";
    }
    const counted = this.#writers.has(name) || this.#writers.size < WRITERS ? name : "others";
    this.#writers.set(counted, (this.#writers.get(counted) ?? 0) + 1);
  }
}

function setSize(file: FileFacts, value: Uint8Array): void {
  try {
    const bytes = Number(decodeFileMetadata(value));
    file.bytes = bytes;
    file.expectedChunks = Math.ceil(bytes / V1_CHUNK_BYTES);
  } catch (error) {
    assertFormatError(error);
    file.bytes = error.message;
  }
}

function addChunk(file: FileFacts & { next: number; pending: number }, row: EvidenceRow, value: Uint8Array): void {
  const index = row.index ?? 0;
  const isFirstPiece = (row.piece ?? 0) === 0;
  file.pending = isFirstPiece ? value.length : file.pending + value.length;
  if (file.pending > V1_CHUNK_BYTES && file.oversized.length < LISTED && file.oversized.at(-1) !== index) {
    file.oversized.push(index);
  }
  if (!isFirstPiece) {
    return;
  }
  file.chunks += 1;
  const startBytes = START_BYTES[row.file ?? ""];
  if (index === 0 && startBytes !== undefined) {
    const start = value.subarray(0, startBytes);
    file.start = toHex(start);
    file.header = decodeStart(row.file ?? "", start);
  }
  if (file.expectedChunks !== undefined && index >= file.expectedChunks) {
    file.unexpected += 1;
    return;
  }
  if (index > file.next && file.missing.length < LISTED) {
    file.missing.push(rangeText(file.next, index));
  }
  file.next = index + 1;
}

/** `first-last`, or the one. */
function rangeText(first: number, end: number): string {
  return end === first + 1 ? String(first) : `${first}-${end - 1}`;
}
