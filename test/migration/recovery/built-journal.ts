import { concatBytes } from "../../../src/formats/bytes.ts";
import { encodeJournalHeader, encodeJournalRecord, type JournalHeader } from "../../../src/formats/journal.ts";
import { resized } from "./edited-bytes.ts";

/** A page of one repeated byte. */
export function pageOf(byte: number, pageSize = 512): Uint8Array {
  return new Uint8Array(pageSize).fill(byte);
}

/** Pages of repeated bytes, one after the other. */
export function imageOf(...bytes: readonly number[]): Uint8Array {
  return concatBytes(...bytes.map((byte) => pageOf(byte)));
}

/** A segment to build: its records as page number and byte to fill the page with. */
export interface BuiltSegment {
  readonly records: readonly (readonly [pageNumber: number, byte: number])[];
  /** What differs from a header that tells the truth. */
  readonly header?: Partial<JournalHeader>;
}

/** A journal over pages of 512 bytes of a main file of `initialPages`. */
export function journalOf(initialPages: number, ...segments: readonly BuiltSegment[]): Uint8Array {
  let journal: Uint8Array = new Uint8Array(0);
  for (const [index, { records, header }] of segments.entries()) {
    const whole: JournalHeader = {
      recordCount: records.length,
      nonce: 1000 + index,
      initialPages,
      sectorSize: 512,
      pageSize: 512,
      ...header,
    };
    const padded = resized(journal, Math.ceil(journal.length / whole.sectorSize) * whole.sectorSize);
    const encoded = records.map(([pageNumber, byte]) => encodeJournalRecord(pageNumber, pageOf(byte), whole.nonce));
    journal = concatBytes(padded, encodeJournalHeader(whole), ...encoded);
  }
  return journal;
}
