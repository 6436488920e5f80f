import { createHash } from "node:crypto";
import { freelistOf } from "./reference-freelist.ts";
import {
  bytesOf,
  fileMetadataK,
  idText,
  kvSubspace,
  nestedKey,
  PAGE,
  startsWith,
  TAG,
  type Row,
  type TestActor,
} from "./v1-actors.ts";

/*
 * What FORMATS says, written down a second time: as naively as possible, sharing nothing with src/. It reads dumped rows, checks
 * every invariant of them, and says what must come of an actor's v1 rows.
 */

export class InvariantViolation extends Error {}

function fail(message: string): never {
  throw new InvariantViolation(message);
}

function must(condition: boolean, message: string): asserts condition {
  if (!condition) {
    fail(message);
  }
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** The first offset at which two images differ, or undefined when they are the same. */
export function firstDifference(a: Uint8Array, b: Uint8Array): number | undefined {
  if (Buffer.compare(a, b) === 0) {
    return undefined;
  }
  const end = Math.min(a.length, b.length);
  for (let offset = 0; offset < end; offset += 1) {
    if (a[offset] !== b[offset]) {
      return offset;
    }
  }
  return end;
}

// ---------------------------------------------------------------------------------------------------------------- v2

const SUBSPACE = Buffer.from("1415030273716c6974652d73746f7261676500", "hex");

/** What a head says, FORMATS §4. */
export interface ReferenceHead {
  readonly generation: bigint;
  readonly headTxid: bigint;
  readonly nextTxid: bigint;
  readonly materializedTxid: bigint;
  readonly pages: number;
  readonly creationTsMs: bigint;
  readonly storageUsed: bigint;
  readonly maxStorage: bigint;
  readonly origin: number;
}

export function referenceHead(value: Uint8Array): ReferenceHead {
  must(value.length === 73 || value.length === 72, `META is ${value.length} bytes long`);
  const bytes = Buffer.from(value);
  must(bytes.readUInt32LE(0) === 2, "META's schema version is not 2");
  must(bytes.readUInt32LE(40) === 4096, "META's page size is not 4096");
  must(bytes.readUInt32LE(44) === 64, "META's shard size is not 64");
  const head = {
    generation: bytes.readBigUInt64LE(4),
    headTxid: bytes.readBigUInt64LE(12),
    nextTxid: bytes.readBigUInt64LE(20),
    materializedTxid: bytes.readBigUInt64LE(28),
    pages: bytes.readUInt32LE(36),
    creationTsMs: bytes.readBigInt64LE(48),
    storageUsed: bytes.readBigUInt64LE(56),
    maxStorage: bytes.readBigUInt64LE(64),
    origin: value.length === 72 ? 0 : (value[72] ?? 0),
  };
  must(head.origin <= 2, "META's origin is unknown");
  must(head.headTxid < head.nextTxid, "head_txid is not below next_txid");
  must(head.materializedTxid <= head.headTxid, "materialized_txid is above head_txid");
  return head;
}

export function encodeReferenceHead(head: ReferenceHead): Uint8Array {
  const bytes = Buffer.alloc(73);
  bytes.writeUInt32LE(2, 0);
  bytes.writeBigUInt64LE(head.generation, 4);
  bytes.writeBigUInt64LE(head.headTxid, 12);
  bytes.writeBigUInt64LE(head.nextTxid, 20);
  bytes.writeBigUInt64LE(head.materializedTxid, 28);
  bytes.writeUInt32LE(head.pages, 36);
  bytes.writeUInt32LE(4096, 40);
  bytes.writeUInt32LE(64, 44);
  bytes.writeBigInt64LE(head.creationTsMs, 48);
  bytes.writeBigUInt64LE(head.storageUsed, 56);
  bytes.writeBigUInt64LE(head.maxStorage, 64);
  bytes[72] = head.origin;
  return Uint8Array.from(bytes);
}

/** The logical key `A | suffix` of an actor. */
export function logicalKey(actor: TestActor, ...suffix: (string | Uint8Array)[]): Uint8Array {
  return bytesOf(2, idText(actor.idBytes), ...suffix);
}

/** The physical rows of one logical value. */
export function physicalRows(key: Uint8Array, value: Uint8Array): Row[] {
  if (value.length < 100_000) {
    return [{ key: bytesOf(SUBSPACE, key), value: bytesOf(0, value) }];
  }
  const pieces: Row[] = [];
  for (let offset = 0; offset < value.length; offset += 10_000) {
    pieces.push({
      key: bytesOf(SUBSPACE, 3, key, u32(pieces.length)),
      value: Uint8Array.from(value.subarray(offset, offset + 10_000)),
    });
  }
  return [{ key: bytesOf(SUBSPACE, key), value: bytesOf(1, u32(value.length), u32(pieces.length)) }, ...pieces];
}

/** All v2 rows of an actor among dumped rows, pieces included. */
export function v2RowsOf(actor: TestActor, rows: readonly Row[]): Row[] {
  const values = bytesOf(SUBSPACE, logicalKey(actor));
  const pieces = bytesOf(SUBSPACE, 3, logicalKey(actor));
  return rows.filter(({ key }) => startsWith(key, values) || startsWith(key, pieces));
}

/** The logical rows of an actor by the hex of their suffix after A; every physical row must be part of exactly one. */
export function logicalValues(actor: TestActor, rows: readonly Row[]): { suffix: Buffer; value: Uint8Array }[] {
  const own = logicalKey(actor);
  const physical = new Map(v2RowsOf(actor, rows).map((row) => [Buffer.from(row.key).toString("hex"), row.value]));
  const values: { suffix: Buffer; value: Uint8Array }[] = [];
  const headPrefix = Buffer.from(bytesOf(SUBSPACE, own)).toString("hex");
  for (const [key, row] of [...physical].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith(headPrefix)) {
      continue;
    }
    physical.delete(key);
    const suffix = Buffer.from(key.slice(headPrefix.length), "hex");
    if (row[0] === 0) {
      values.push({ suffix, value: row.subarray(1) });
      continue;
    }
    must(row[0] === 1 && row.length === 9, "a v2 value has an unknown mark");
    const length = Buffer.from(row).readUInt32BE(1);
    const count = Buffer.from(row).readUInt32BE(5);
    const pieces: Uint8Array[] = [];
    for (let index = 0; index < count; index += 1) {
      const pieceKey = Buffer.from(bytesOf(SUBSPACE, 3, own, suffix, u32(index))).toString("hex");
      const piece = physical.get(pieceKey) ?? fail(`piece ${index} of ${suffix.toString("latin1")} is missing`);
      must(index === count - 1 || piece.length === 10_000, "a piece is not 10,000 bytes long");
      pieces.push(piece);
      physical.delete(pieceKey);
    }
    const value = Buffer.concat(pieces);
    must(value.length === length, "pieces do not add up to their length");
    must(length >= 100_000, "a value below 100,000 bytes is split");
    values.push({ suffix, value: Uint8Array.from(value) });
  }
  must(physical.size === 0, `rows of no logical value: ${[...physical.keys()].join(" ")}`);
  return values;
}

/** One LTX blob, FORMATS §4, taken apart with every check. */
export function referenceLtx(blob: Uint8Array): {
  commit: number;
  txid: bigint;
  timestampMs: bigint;
  pages: Map<number, Uint8Array>;
} {
  const bytes = Buffer.from(blob);
  must(bytes.length >= 100 + 6 + 1 + 24, "an LTX blob is too short");
  must(bytes.toString("latin1", 0, 4) === "LTX1", "LTX magic");
  must(bytes.readUInt32BE(4) === 2, "LTX flags");
  must(bytes.readUInt32BE(8) === 4096, "LTX page size");
  must(bytes.readBigUInt64BE(16) === bytes.readBigUInt64BE(24), "LTX min and max txid differ");
  must(
    bytes.subarray(40, 100).every((byte) => byte === 0),
    "LTX reserved bytes",
  );
  const pages = new Map<number, Uint8Array>();
  const index: number[] = [];
  let offset = 100;
  let last = 0;
  while (bytes.readUInt32BE(offset) !== 0) {
    const pgno = bytes.readUInt32BE(offset);
    must(pgno > last, "LTX pages do not rise");
    must(bytes.readUInt16BE(offset + 4) === 1, "LTX frame flags");
    const length = bytes.readUInt32BE(offset + 6);
    pages.set(pgno, inflateBlock(bytes.subarray(offset + 10, offset + 10 + length)));
    index.push(pgno, offset, 10 + length);
    offset += 10 + length;
    last = pgno;
  }
  must(bytes.readUInt16BE(offset + 4) === 0, "LTX end of frames");
  offset += 6;
  const expectedIndex = Uint8Array.from([...index.flatMap(uvarint), 0]);
  const end = offset + expectedIndex.length;
  must(Buffer.compare(bytes.subarray(offset, end), expectedIndex) === 0, "LTX page index");
  must(bytes.length === end + 24, "LTX footer length");
  must(bytes.readBigUInt64BE(end) === BigInt(expectedIndex.length), "LTX page index length");
  must(
    bytes.subarray(end + 8).every((byte) => byte === 0),
    "LTX footer",
  );
  return {
    commit: bytes.readUInt32BE(12),
    txid: bytes.readBigUInt64BE(16),
    timestampMs: bytes.readBigInt64BE(32),
    pages,
  };
}

/** An LTX blob whose blocks are of literals only. */
export function encodeReferenceLtx(
  head: { commit: number; txid: bigint; timestampMs: bigint },
  pages: ReadonlyMap<number, Uint8Array>,
): Uint8Array {
  const header = Buffer.alloc(100);
  header.write("LTX1", "latin1");
  header.writeUInt32BE(2, 4);
  header.writeUInt32BE(4096, 8);
  header.writeUInt32BE(head.commit, 12);
  header.writeBigUInt64BE(head.txid, 16);
  header.writeBigUInt64BE(head.txid, 24);
  header.writeBigInt64BE(head.timestampMs, 32);
  const parts: Uint8Array[] = [header];
  const index: number[] = [];
  let offset = 100;
  for (const [pgno, page] of pages) {
    // A token of 15 literals and more, sixteen length bytes of 255 and one of 1: 15 + 16 * 255 + 1 = 4,096.
    const block = Buffer.concat([Uint8Array.of(0xf0), new Uint8Array(16).fill(255), Uint8Array.of(1), page]);
    const frame = Buffer.alloc(10);
    frame.writeUInt32BE(pgno, 0);
    frame.writeUInt16BE(1, 4);
    frame.writeUInt32BE(block.length, 6);
    parts.push(frame, block);
    index.push(pgno, offset, 10 + block.length);
    offset += 10 + block.length;
  }
  const indexBytes = Uint8Array.from([...index.flatMap(uvarint), 0]);
  const footer = Buffer.alloc(24);
  footer.writeBigUInt64BE(BigInt(indexBytes.length));
  return Uint8Array.from(Buffer.concat([...parts, new Uint8Array(6), indexBytes, footer]));
}

/** An LZ4 block of exactly one page, after the LZ4 block format's own description. */
export function inflateBlock(block: Uint8Array): Uint8Array {
  const out = new Uint8Array(PAGE);
  let length = 0;
  let at = 0;
  const next = (): number => {
    const byte = block[at] ?? fail("an LZ4 block is cut");
    at += 1;
    return byte;
  };
  const longLength = (nibble: number): number => {
    let sum = nibble;
    for (let more = nibble === 15 ? 255 : 0; more === 255; sum += more) {
      more = next();
    }
    return sum;
  };
  for (;;) {
    const token = next();
    const literals = longLength(token >> 4);
    must(at + literals <= block.length && length + literals <= PAGE, "an LZ4 block's literals do not fit");
    out.set(block.subarray(at, at + literals), length);
    at += literals;
    length += literals;
    if (at === block.length) {
      break;
    }
    const distance = next() | (next() << 8);
    const matchEnd = length + longLength(token & 15) + 4;
    must(distance > 0 && distance <= length && matchEnd <= PAGE, "an LZ4 match does not lie within the page");
    for (; length < matchEnd; length += 1) {
      out[length] = out[length - distance] ?? 0;
    }
  }
  must(length === PAGE, "an LZ4 block is not one page");
  return out;
}

export interface ReferenceImage {
  readonly image: Uint8Array;
  readonly head: ReferenceHead;
  /** How many DELTA blobs, PIDX rows and SHARD blobs it is made of. */
  readonly kinds: { readonly deltas: number; readonly pidx: number; readonly shards: number };
}

/** Reads an actor's complete v2 image out of dumped rows and checks every invariant that holds after any migration. */
export function readV2(actor: TestActor, rows: readonly Row[]): ReferenceImage {
  const values = logicalValues(actor, rows);
  const deltas = new Map<bigint, Buffer[]>();
  const pidx = new Map<number, bigint>();
  const shards = new Map<number, Uint8Array>();
  let head: ReferenceHead | undefined;
  let used = 0n;
  for (const { suffix, value } of values) {
    const text = suffix.toString("latin1");
    used += BigInt(31 + suffix.length + value.length);
    if (text === "/META") {
      head = referenceHead(value);
    } else if (text.startsWith("/DELTA/") && suffix.length === 7 + 8 + 1 + 4 && text[15] === "/") {
      const txid = suffix.readBigUInt64BE(7);
      const chunks = deltas.get(txid) ?? [];
      deltas.set(txid, chunks);
      must(suffix.readUInt32BE(16) === chunks.length, "DELTA chunks are not numbered 0, 1, 2 …");
      must(value.length > 0, "a DELTA chunk is empty");
      chunks.push(Buffer.from(value));
    } else if (text.startsWith("/PIDX/delta/") && suffix.length === 12 + 4) {
      must(value.length === 8, "a PIDX value is not 8 bytes long");
      pidx.set(suffix.readUInt32BE(12), Buffer.from(value).readBigUInt64BE());
    } else if (text.startsWith("/SHARD/") && suffix.length === 7 + 4) {
      shards.set(suffix.readUInt32BE(7), value);
    } else {
      fail(`a v2 row of no known kind: ${suffix.toString("hex")}`);
    }
  }
  must(head !== undefined, "there is no META");
  must(head.origin !== 2, "the migration is unfinished");
  must(head.storageUsed === used, `sqlite_storage_used is ${head.storageUsed}, its rows are ${used}`);
  must(head.maxStorage === 10n * 1024n ** 3n, "sqlite_max_storage is not 10 GiB");
  must(head.nextTxid === head.headTxid + 1n, "a stage is in progress");
  const blobs = new Map([...deltas].map(([txid, chunks]) => [txid, referenceLtx(Buffer.concat(chunks))]));
  const shardBlobs = new Map([...shards].map(([shard, blob]) => [shard, referenceLtx(blob)]));
  for (const [txid, blob] of blobs) {
    must(blob.txid === txid, "a DELTA's txid is not the one in its key");
    must(txid <= head.headTxid && txid > head.materializedTxid, "a DELTA of no committed, unmaterialized txid");
    must(blob.commit === head.pages, "a DELTA's commit is not the database's size");
    must(blob.timestampMs === head.creationTsMs, "a DELTA's timestamp is not creation_ts_ms");
    for (const pgno of blob.pages.keys()) {
      must(pidx.get(pgno) === txid, `page ${pgno} of a DELTA has no PIDX row`);
    }
  }
  for (const [shard, blob] of shardBlobs) {
    must(blob.txid === 1n, "a SHARD's txid is not 1");
    must(blob.commit === head.pages, "a SHARD's commit is not the database's size");
    must(blob.timestampMs === head.creationTsMs, "a SHARD's timestamp is not creation_ts_ms");
    must(blob.pages.size > 0, "a SHARD is empty");
    for (const pgno of blob.pages.keys()) {
      must(Math.floor(pgno / 64) === shard && pgno <= head.pages, `page ${pgno} is in shard ${shard}`);
    }
  }
  const kinds = { deltas: deltas.size, pidx: pidx.size, shards: shards.size };
  const image = new Uint8Array(head.pages * PAGE);
  for (let pgno = 1; pgno <= head.pages; pgno += 1) {
    const txid = pidx.get(pgno);
    const blob = txid === undefined ? shardBlobs.get(Math.floor(pgno / 64)) : blobs.get(txid);
    image.set(blob?.pages.get(pgno) ?? fail(`page ${pgno} is nowhere`), (pgno - 1) * PAGE);
    pidx.delete(pgno);
  }
  must(pidx.size === 0, "a PIDX row names a page past the end");
  return { image, head, kinds };
}

/** Reads an image as `readV2` does, which must be as Ferry leaves it in this layout. */
export function readMigrated(actor: TestActor, rows: readonly Row[], layout: "delta" | "shards"): ReferenceImage {
  const result = readV2(actor, rows);
  const { head, kinds } = result;
  must(head.origin === 1, "the origin is not migrated_from_v1");
  must(head.generation === 1n && head.headTxid === 1n && head.nextTxid === 2n, "generation 1, head 1, next 2");
  if (layout === "delta") {
    must(head.materializedTxid === 0n, "delta: nothing is materialized");
    must(kinds.pidx === head.pages && kinds.shards === 0, "delta: a PIDX row per page, no SHARD");
    must(kinds.deltas === 1, "delta: one DELTA");
  } else {
    must(head.materializedTxid === 1n, "shards: everything is materialized");
    must(kinds.pidx === 0 && kinds.deltas === 0, "shards: neither PIDX nor DELTA");
    must(kinds.shards === (head.pages === 0 ? 0 : Math.floor(head.pages / 64) + 1), "shards: a row per 64 pages");
  }
  return result;
}

/** Rows of Ferry's own that an attempt must not leave: `("ferry", …)` with `"lease"`, `"lease_expiry"` and `"stage"`. */
export function leaseRows(rows: readonly Row[]): Row[] {
  const prefixes = ["lease", "stage"].map((name) => bytesOf(2, "ferry", 0, 2, name));
  return rows.filter(({ key }) => prefixes.some((prefix) => startsWith(key, prefix)));
}

// ---------------------------------------------------------------------------------------------------------------- v1

/** What must come of v1 rows: the image, or one of these reasons (several when several things are wrong at once). */
export type Expectation =
  | { readonly kind: "none" }
  | { readonly kind: "image"; readonly image: Uint8Array }
  | { readonly kind: "rejected"; readonly reasons: readonly string[] };

/** No image of these tests that lacks chunks is larger. */
const MOST_HOLED_BYTES = 64 * 1024 ** 2;

interface ParsedEntry {
  readonly k: Uint8Array;
  readonly value: Uint8Array | undefined;
}

/** Reads v1 rows as FORMATS §3 says. */
export function expectedOfV1(
  actor: TestActor,
  rows: readonly Row[],
  limits: { maxImageBytes: number } = { maxImageBytes: 10 * 1024 ** 3 },
): Expectation {
  const start = bytesOf(kvSubspace(actor), 5, 1);
  const own = rows
    .filter(({ key }) => startsWith(key, bytesOf(start, 8)))
    .toSorted((a, b) => Buffer.compare(a.key, b.key));
  if (own.length === 0) {
    return { kind: "none" };
  }
  const under = (k: Uint8Array): Row[] => own.filter(({ key }) => startsWith(key, bytesOf(start, escaped(k))));
  const rejected = (...reasons: string[]): Expectation => ({ kind: "rejected", reasons });
  const sidecars = [
    ["journal_present", TAG.journal],
    ["wal_present", TAG.wal],
    ["shm_present", TAG.shm],
  ] as const;
  for (const [reason, tag] of sidecars) {
    if (under(Uint8Array.of(8, 1, 1, tag)).length > 0) {
      return rejected(reason);
    }
  }
  const metaRows = own.filter(({ key }) =>
    startsWith(key, bytesOf(kvSubspace(actor), nestedKey(fileMetadataK(TAG.main)))),
  );
  if (metaRows.length === 0) {
    return rejected("meta_missing");
  }
  const meta = parseEntries(actor, metaRows)[0]?.value;
  if (meta === undefined) {
    return rejected("entry_corrupt");
  }
  if (meta.length !== 10) {
    return rejected("meta_invalid");
  }
  if (Buffer.from(meta).readUInt16LE(0) !== 1) {
    return rejected("meta_version_unsupported");
  }
  const size = Buffer.from(meta).readBigUInt64LE(2);
  if (size > BigInt(limits.maxImageBytes)) {
    return rejected("too_large");
  }
  return expectedOfChunks(parseEntries(actor, under(Uint8Array.of(8, 1, 1, TAG.main))), Number(size));
}

function expectedOfChunks(entries: readonly ParsedEntry[], size: number): Expectation {
  const chunkCount = Math.ceil(size / PAGE);
  const reasons = new Set<string>();
  const chunks = new Map<number, Uint8Array>();
  for (const { k, value } of entries) {
    if (value === undefined) {
      reasons.add("entry_corrupt");
    }
    const index = k.length === 8 ? Buffer.from(k).readUInt32BE(4) : Infinity;
    if (index >= chunkCount) {
      reasons.add("chunk_unexpected");
    }
    if (value !== undefined && value.length > PAGE) {
      reasons.add("chunk_oversized");
    }
    chunks.set(index, value ?? new Uint8Array(0));
  }
  const isThere = [...chunks.keys()].filter((index) => index < chunkCount).length === chunkCount;
  if (reasons.size > 0) {
    return { kind: "rejected", reasons: [...reasons, ...(isThere ? [] : ["chunk_missing"])] };
  }
  // A size of gigabytes without chunks is not laid out: what SQLite leaves unwritten is in few of these tests, and small.
  if (!isThere && size > MOST_HOLED_BYTES) {
    return { kind: "rejected", reasons: ["chunk_missing"] };
  }
  const image = new Uint8Array(size);
  for (const [index, chunk] of chunks) {
    image.set(chunk.subarray(0, size - index * PAGE), index * PAGE);
  }
  if (!isThere && !areHolesFree(image, chunks)) {
    return { kind: "rejected", reasons: ["chunk_missing"] };
  }
  const header = headerReason(image);
  return header === undefined ? { kind: "image", image } : { kind: "rejected", reasons: [header] };
}

/** Whether what is missing was never written: leaves of the freelist. No test here has an image with the page of SQLite's locks. */
function areHolesFree(image: Uint8Array, chunks: ReadonlyMap<number, Uint8Array>): boolean {
  if (headerReason(image) !== undefined) {
    return false;
  }
  const list = freelistOf(image);
  const missing = Array.from({ length: image.length / PAGE }, (_, index) => index).filter(
    (index) => !chunks.has(index),
  );
  return list !== undefined && missing.every((index) => list.leaves.includes(index + 1));
}

function headerReason(image: Uint8Array): string | undefined {
  if (image.length === 0) {
    return undefined;
  }
  if (image.length < 18) {
    return "header_too_small";
  }
  if (Buffer.from(image).toString("latin1", 0, 16) !== "SQLite format 3\0") {
    return "magic_mismatch";
  }
  const stored = Buffer.from(image).readUInt16BE(16);
  const pageSize = stored === 1 ? 65_536 : stored;
  if (![512, 1024, 2048, 4096, 8192, 16_384, 32_768, 65_536].includes(pageSize)) {
    return "page_size_invalid";
  }
  if (pageSize !== 4096) {
    return "page_size_unsupported";
  }
  return image.length % 4096 === 0 ? undefined : "size_not_page_aligned";
}

/** Entries from rows in key order; `value` is undefined where the entry, or one of its rows, is corrupt. */
function parseEntries(actor: TestActor, rows: readonly Row[]): ParsedEntry[] {
  const groups: { k: Uint8Array; suffixes: [Uint8Array, Uint8Array][] }[] = [];
  for (const { key, value } of rows) {
    const { k, suffix } = splitRowKey(key.subarray(kvSubspace(actor).length));
    const last = groups.at(-1);
    if (last !== undefined && Buffer.compare(last.k, k) === 0) {
      last.suffixes.push([suffix, value]);
    } else {
      groups.push({ k, suffixes: [[suffix, value]] });
    }
  }
  return groups.map(({ k, suffixes }) => ({ k, value: entryValue(suffixes) }));
}

function entryValue(rows: readonly [Uint8Array, Uint8Array][]): Uint8Array | undefined {
  const metadata = rows.at(-1);
  if (metadata === undefined || hex(metadata[0]) !== "152c" || !isEntryMetadata(metadata[1]) || rows.length < 2) {
    return undefined;
  }
  const parts: Uint8Array[] = [];
  for (const [suffix, value] of rows.slice(0, -1)) {
    const index = parts.length;
    const packed = index === 0 ? [0x14] : index < 256 ? [0x15, index] : [0x16, index >> 8, index & 255];
    if (hex(suffix) !== hex(Uint8Array.from([0x15, 4, ...packed]))) {
      return undefined;
    }
    parts.push(value);
  }
  return Uint8Array.from(Buffer.concat(parts));
}

/** BARE { version: data, updateTs: i64 }, lengths below 2^14 being all that is told apart here. */
function isEntryMetadata(value: Uint8Array): boolean {
  const first = value[0] ?? 0;
  const second = value[1] ?? 0;
  const [length, prefix] = first < 128 ? [first, 1] : [(first & 127) + 128 * second, 2];
  return (prefix === 1 || (second > 0 && second < 128)) && value.length === prefix + length + 8;
}

function splitRowKey(key: Uint8Array): { k: Uint8Array; suffix: Uint8Array } {
  const k: number[] = [];
  let at = 2;
  while (at < key.length) {
    if (key[at] !== 0) {
      k.push(key[at] ?? 0);
      at += 1;
    } else if (key[at + 1] === 0xff) {
      k.push(0);
      at += 2;
    } else if (key[at + 1] === 0) {
      return { k: Uint8Array.from(k), suffix: key.subarray(at + 2) };
    } else {
      break;
    }
  }
  // A key that ends too early, or holds more than K: an entry of its own, and corrupt.
  return { k: Uint8Array.from(k), suffix: Uint8Array.of(0xee) };
}

function escaped(k: Uint8Array): Uint8Array {
  return Uint8Array.from([...k].flatMap((byte) => (byte === 0 ? [0, 0xff] : [byte])));
}

function uvarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

export function u32(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
