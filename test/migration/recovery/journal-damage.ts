import {
  JOURNAL_HEADER_BYTES,
  RECORD_COUNT_FROM_SIZE,
  RECORD_OVERHEAD_BYTES,
  decodeJournalHeader,
  encodeJournalHeader,
  encodeJournalRecord,
  encodeSuperJournalTrailer,
  lockingPage,
  type JournalHeader,
} from "../../../src/formats/journal.ts";
import { concatBytes } from "../../../src/formats/bytes.ts";
import { resized, written } from "./edited-bytes.ts";
import type { Random } from "./random.ts";

/** A named way to spoil a journal (or to change it so that it is still one); `undefined` when it does not apply. */
type Damage = (
  journal: Uint8Array,
  random: Random,
) => { readonly name: string; readonly journal: Uint8Array } | undefined;

/** One damage, picked by the random source. */
export function damageJournal(
  journal: Uint8Array,
  random: Random,
): { readonly name: string; readonly journal: Uint8Array } {
  const damage = random.pick(DAMAGES);
  return damage(journal, random) ?? { name: "unchanged", journal };
}

const FIELD_OFFSETS = { recordCount: 8, nonce: 12, initialPages: 16, sectorSize: 20, pageSize: 24 } as const;

const DAMAGES: [Damage, ...Damage[]] = [
  (journal, random) => {
    const size = random.between(0, Math.floor(journal.length / 512)) * 512;
    return { name: `cut at sector byte ${size}`, journal: journal.subarray(0, size) };
  },
  (journal, random) => {
    const size = random.between(0, journal.length);
    return { name: `cut at byte ${size}`, journal: journal.subarray(0, size) };
  },
  (journal, random) => {
    const size = random.between(0, Math.min(journal.length, 1100));
    return { name: `cut at early byte ${size}`, journal: journal.subarray(0, size) };
  },
  (journal, random) => {
    const more = random.chance(0.5) ? new Uint8Array(random.between(1, 9000)) : random.bytes(random.between(1, 9000));
    return { name: `${more.length} bytes appended`, journal: concatBytes(journal, more) };
  },
  (journal, random) => flipped(journal, random, 0, journal.length - 1),
  (journal, random) => flipped(journal, random, 0, Math.min(JOURNAL_HEADER_BYTES, journal.length) - 1),
  (journal, random) => flippedRecordEdge(journal, random),
  (journal, random) => {
    const length = random.pick([1, 8, 12, 28, 512, 4096]);
    return {
      name: `first ${length} bytes zero`,
      journal: written(journal, 0, new Uint8Array(Math.min(length, journal.length))),
    };
  },
  (journal, random) => {
    const at = Math.floor(random.between(0, journal.length) / 512) * 512;
    return { name: `garbage sector at ${at}`, journal: written(journal, at, random.bytes(512)) };
  },
  (journal, random) =>
    withField(journal, "recordCount", random.pick([0, 1, 2, 3, RECORD_COUNT_FROM_SIZE, 0x7fff_ffff])),
  (journal, random) => {
    const header = decodeJournalHeader(journal);
    const pages = header?.initialPages ?? 1;
    return withField(
      journal,
      "initialPages",
      random.pick([0, 1, 2, pages - 1, pages + 1, pages + 9, pages * 2, 0xffff_ffff]),
    );
  },
  (journal, random) =>
    withField(journal, "sectorSize", random.pick([0, 16, 32, 64, 333, 512, 1024, 4096, 65_536, 131_072, 0x8000_0000])),
  (journal, random) =>
    withField(journal, "pageSize", random.pick([0, 1, 256, 512, 1000, 1024, 4096, 8192, 65_536, 131_072, 0xffff_ffff])),
  (journal, random) => resectored(journal, random.pick([32, 64, 1024, 4096, 4096, 4096, 65_536])),
  (journal, random) => withRepeatedRecords(journal, random),
  (journal, random) => withOddRecords(journal, random),
  (journal, random) => withSuperJournal(journal, random),
];

/** Writes a value into the first header. */
export function withField(
  journal: Uint8Array,
  field: keyof typeof FIELD_OFFSETS,
  value: number,
): { readonly name: string; readonly journal: Uint8Array } | undefined {
  if (journal.length < JOURNAL_HEADER_BYTES) {
    return undefined;
  }
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return { name: `${field} ${value >>> 0}`, journal: written(journal, FIELD_OFFSETS[field], bytes) };
}

function flipped(journal: Uint8Array, random: Random, from: number, to: number): ReturnType<Damage> {
  if (to < from) {
    return undefined;
  }
  const at = random.between(from, to);
  const bit = random.between(0, 7);
  return {
    name: `bit ${bit} of byte ${at} flipped`,
    journal: written(journal, at, Uint8Array.of((journal[at] ?? 0) ^ (1 << bit))),
  };
}

/** The bytes around a record's border, and those that its checksum covers, are too few for chance to meet them. */
function flippedRecordEdge(journal: Uint8Array, random: Random): ReturnType<Damage> {
  const records = segmentsOf(journal).flatMap((segment) => segment.records);
  const record = records[random.between(0, records.length - 1)];
  if (record === undefined) {
    return undefined;
  }
  const size = record.length - RECORD_OVERHEAD_BYTES;
  const from = record.byteOffset - journal.byteOffset;
  const at =
    from + random.pick([random.between(0, 3), 4 + size - 200, 4 + size - 400, size + 4 + random.between(0, 3)]);
  return flipped(journal, random, at, at);
}

interface Segment {
  readonly header: JournalHeader;
  readonly at: number;
  /** Views of the journal. */
  readonly records: readonly Uint8Array[];
}

/** Segments as a sound journal has them; enough for building variants, no model of what SQLite believes. */
function segmentsOf(journal: Uint8Array): Segment[] {
  const segments: Segment[] = [];
  const first = decodeJournalHeader(journal);
  if (first === undefined || first.sectorSize < 32 || first.pageSize < 512) {
    return segments;
  }
  const recordBytes = first.pageSize + RECORD_OVERHEAD_BYTES;
  for (let at = 0; at + first.sectorSize <= journal.length;) {
    const header = decodeJournalHeader(journal.subarray(at));
    if (header === undefined) {
      break;
    }
    const from = at + first.sectorSize;
    const fit = Math.floor((journal.length - from) / recordBytes);
    const records = Array.from({ length: Math.min(header.recordCount, fit) }, (_, index) =>
      journal.subarray(from + index * recordBytes, from + (index + 1) * recordBytes),
    );
    segments.push({ header, at, records });
    at = Math.ceil((from + records.length * recordBytes) / first.sectorSize) * first.sectorSize;
  }
  return segments;
}

function assembled(segments: readonly Segment[], sectorSize: number): Uint8Array {
  let journal: Uint8Array = new Uint8Array(0);
  for (const { header, records } of segments) {
    const padded = resized(journal, Math.ceil(journal.length / sectorSize) * sectorSize);
    journal = concatBytes(padded, encodeJournalHeader({ ...header, sectorSize }), ...records);
  }
  return journal;
}

/** The same journal as storage with other sectors would have it; v1's said 4096. */
function resectored(journal: Uint8Array, sectorSize: number): ReturnType<Damage> {
  const segments = segmentsOf(journal);
  return segments.length === 0
    ? undefined
    : { name: `sectors of ${sectorSize}`, journal: assembled(segments, sectorSize) };
}

/** Pages that appear a second time, with other content and right checksums: which of the two stays? */
function withRepeatedRecords(journal: Uint8Array, random: Random): ReturnType<Damage> {
  return withMoreRecords(journal, random, "repeated", (pageNumber) => pageNumber);
}

/** Records of pages that a journal does not have: past the initial size, 0, the locking page. */
function withOddRecords(journal: Uint8Array, random: Random): ReturnType<Damage> {
  const { pageSize = 4096, initialPages = 1 } = decodeJournalHeader(journal) ?? {};
  const numbers = [0, lockingPage(pageSize), initialPages, initialPages + 1, initialPages + 7, 0xffff_ffff] as const;
  return withMoreRecords(journal, random, "odd", () => random.pick([...numbers]));
}

function withMoreRecords(
  journal: Uint8Array,
  random: Random,
  name: string,
  numberOf: (pageNumber: number) => number,
): ReturnType<Damage> {
  const segments = segmentsOf(journal);
  const last = segments.at(-1);
  const source = segments.find((segment) => segment.records.length > 0);
  if (last === undefined || source === undefined) {
    return undefined;
  }
  const more = source.records.slice(0, random.between(1, 4)).map((record) => {
    const pageNumber = numberOf(new DataView(record.buffer, record.byteOffset, 4).getUint32(0));
    const sound = encodeJournalRecord(
      pageNumber,
      random.bytes(record.length - RECORD_OVERHEAD_BYTES),
      last.header.nonce,
    );
    // A record past the initial size is skipped with its checksum unseen; elsewhere a wrong one ends the journal.
    return random.chance(0.3) ? written(sound, sound.length - 1, Uint8Array.of(0)) : sound;
  });
  const position = random.between(0, last.records.length);
  const records = [...last.records.slice(0, position), ...more, ...last.records.slice(position)];
  const header = { ...last.header, recordCount: records.length };
  return {
    name: `${more.length} ${name} records`,
    journal: assembled([...segments.slice(0, -1), { ...last, header, records }], last.header.sectorSize || 512),
  };
}

/** The end of a journal of a commit over several files; no super-journal of that name exists. */
function withSuperJournal(journal: Uint8Array, random: Random): ReturnType<Damage> {
  const name = random.pick([
    "/nowhere/a-mj0123",
    "x",
    "/nowhere/\u00e9-mj",
    `/nowhere/${"n".repeat(600)}`,
    "\0hidden",
    "a\0b",
  ]);
  const { pageSize } = decodeJournalHeader(journal) ?? { pageSize: 4096 };
  const trailer = encodeSuperJournalTrailer(name, pageSize === 0 ? 4096 : pageSize);
  const spoiled = random.chance(0.3)
    ? written(trailer, trailer.length - 9, Uint8Array.of(random.between(0, 255)))
    : trailer;
  return { name: `super-journal ${JSON.stringify(name.slice(0, 20))}`, journal: concatBytes(journal, spoiled) };
}
