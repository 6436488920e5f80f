import { parseActorId, type ActorId } from "../../src/formats/actor-id.ts";
import { SeededRandom } from "./reference-random.ts";

/*
 * Actors as v1 left them, written straight from FORMATS §2, §3 and §6 with literal bytes: nothing here knows how Ferry does it.
 */

export interface Row {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export const PAGE = 4096;
export const TAG = { main: 0, journal: 1, wal: 2, shm: 3 } as const;

/** An actor's id as bytes and as text. */
export interface TestActor {
  readonly id: ActorId;
  readonly idBytes: Uint8Array;
}

/** The n-th test actor; always the same. */
export function testActor(n: number): TestActor {
  const random = new SeededRandom(0xac70 + n);
  const idBytes = Uint8Array.from([1, ...random.bytes(16), 0, n & 0xff]);
  return { id: parseActorId(idText(idBytes)), idBytes };
}

/** FORMATS §1: base 36, least significant digit first, of the bytes as a little-endian number. */
export function idText(idBytes: Uint8Array): string {
  let number = 0n;
  idBytes.forEach((byte, index) => {
    number += BigInt(byte) << BigInt(8 * index);
  });
  let text = "";
  for (let digit = 0; digit < 30; digit += 1) {
    text += (number % 36n).toString(36);
    number /= 36n;
  }
  return text;
}

export function bytesOf(...parts: readonly (number | string | Uint8Array)[]): Uint8Array {
  const buffers = parts.map((part) =>
    typeof part === "number" ? Uint8Array.of(part) : typeof part === "string" ? Buffer.from(part, "latin1") : part,
  );
  return Uint8Array.from(Buffer.concat(buffers));
}

export function kvSubspace(actor: TestActor): Uint8Array {
  return bytesOf(0x14, 0x15, 3, 0x15, 72, 0x40, actor.idBytes);
}

/** K' of FORMATS §3. */
export function nestedKey(k: Uint8Array): Uint8Array {
  return bytesOf(0x05, 0x01, Uint8Array.from([...k].flatMap((byte) => (byte === 0 ? [0, 0xff] : [byte]))), 0, 0);
}

export const ENTRY_METADATA = Uint8Array.from(Buffer.from("05322e312e300068e5cf8b010000", "hex"));

export function metadataRow(actor: TestActor, k: Uint8Array, value: Uint8Array = ENTRY_METADATA): Row {
  return { key: bytesOf(kvSubspace(actor), nestedKey(k), 0x15, 44), value };
}

export function chunkRow(actor: TestActor, k: Uint8Array, index: number, value: Uint8Array): Row {
  const packed = index === 0 ? [0x14] : index < 256 ? [0x15, index] : [0x16, index >> 8, index & 0xff];
  return { key: bytesOf(kvSubspace(actor), nestedKey(k), 0x15, 4, Uint8Array.from(packed)), value };
}

/** All rows of one entry. */
export function entryRows(actor: TestActor, k: Uint8Array, value: Uint8Array): Row[] {
  const rows: Row[] = [];
  for (let index = 0; index === 0 || index * 10_000 < value.length; index += 1) {
    rows.push(chunkRow(actor, k, index, value.slice(index * 10_000, (index + 1) * 10_000)));
  }
  return [...rows, metadataRow(actor, k)];
}

export function fileMetadataK(tag: number): Uint8Array {
  return Uint8Array.of(8, 1, 0, tag);
}

export function fileChunkK(tag: number, index: number): Uint8Array {
  return Uint8Array.of(8, 1, 1, tag, index >>> 24, (index >>> 16) & 255, (index >>> 8) & 255, index & 255);
}

export function fileMetadataValue(size: number | bigint, version = 1): Uint8Array {
  const value = Buffer.alloc(10);
  value.writeUInt16LE(version, 0);
  value.writeBigUInt64LE(BigInt(size), 2);
  return Uint8Array.from(value);
}

/** The rows of one file: its metadata and its chunks of 4,096 bytes, without those of these indices. */
export function fileRows(actor: TestActor, tag: number, file: Uint8Array, holes: readonly number[] = []): Row[] {
  const isHole = new Set(holes);
  const rows = entryRows(actor, fileMetadataK(tag), fileMetadataValue(file.length));
  for (let index = 0; index * PAGE < file.length; index += 1) {
    if (isHole.has(index)) {
      continue;
    }
    const chunk = Uint8Array.from(file.subarray(index * PAGE, (index + 1) * PAGE));
    rows.push(...entryRows(actor, fileChunkK(tag, index), chunk));
  }
  return rows;
}

/** A v1 actor with this main file, sleeping, without any other rows. */
export function v1Rows(actor: TestActor, image: Uint8Array): Row[] {
  return fileRows(actor, TAG.main, image);
}

/** Rows of an actor's life, FORMATS §6. */
export type LifeWord = "CONNECTABLE" | "RUNNER_ID" | "ENVOY_KEY" | "SLEEP_TS" | "DESTROY_TS";
const LIFE = { CONNECTABLE: 42, SLEEP_TS: 43, RUNNER_ID: 51, DESTROY_TS: 69, ENVOY_KEY: 116 } as const;

export function lifeKey(actor: TestActor, word: LifeWord): Uint8Array {
  return bytesOf(0x14, 0x15, 3, 0x15, 32, 0x15, 4, 0x40, actor.idBytes, 0x15, LIFE[word]);
}

export function lifeRow(actor: TestActor, word: LifeWord, value = 1n): Row {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(value);
  return { key: lifeKey(actor, word), value: Uint8Array.from(bytes) };
}

/** How an image's pages after the first are filled. */
export type Fill = "zeros" | "text" | "random";

/** Pages under a good header; the rest is not SQLite's, which a header check cannot see. */
export function syntheticImage(pageCount: number, fill: Fill, seed = 1): Uint8Array {
  const image = new Uint8Array(pageCount * PAGE);
  if (pageCount === 0) {
    return image;
  }
  if (fill !== "zeros") {
    const random = new SeededRandom(seed);
    // One random block, repeated with a different start per page: incompressible within a page and cheap to make.
    const block = Buffer.from(random.bytes(3 * PAGE));
    const text = Buffer.from(`row of actor ${seed}, value `.repeat(400));
    for (let page = 0; page < pageCount; page += 1) {
      const source = fill === "random" ? block : text;
      const start = random.below(source.length - PAGE);
      image.set(source.subarray(start, start + PAGE), page * PAGE);
      Buffer.from(image.buffer).writeUInt32BE(page + seed, page * PAGE + 40);
    }
  }
  image.set(sqliteHeader(pageCount));
  return image;
}

/** The first 100 bytes of a database of 4,096-byte pages. */
export function sqliteHeader(pageCount: number): Uint8Array {
  const header = Buffer.alloc(100);
  header.write("SQLite format 3\0", "latin1");
  header.writeUInt16BE(PAGE, 16);
  header.set([1, 1, 0, 64, 32, 32], 18);
  header.writeUInt32BE(pageCount, 28);
  return Uint8Array.from(header);
}

/** A way in which an actor's v1 rows are not right, and the one reason it is rejected for. */
export interface BrokenActor {
  readonly title: string;
  readonly reason: string;
  readonly rows: Row[];
}

/** Every fault that FORMATS §3 names, one at a time, on a good image of at least 3 pages. */
export function brokenActors(actor: TestActor, image: Uint8Array): BrokenActor[] {
  const good = v1Rows(actor, image);
  const pages = image.length / PAGE;
  const isMeta = (row: Row): boolean => startsWith(row.key, entryPrefix(actor, fileMetadataK(TAG.main)));
  const isChunk =
    (index: number) =>
    (row: Row): boolean =>
      startsWith(row.key, entryPrefix(actor, fileChunkK(TAG.main, index)));
  const without = (gone: (row: Row) => boolean): Row[] => good.filter((row) => !gone(row));
  const isEntryMetadata = (row: Row): boolean => row.key.at(-1) === 44 && row.key.at(-2) === 0x15;
  const withMeta = (value: Uint8Array): Row[] => [
    ...entryRows(actor, fileMetadataK(TAG.main), value),
    ...without(isMeta),
  ];
  const withChunk = (index: number, value: Uint8Array): Row[] => [
    ...without(isChunk(index)),
    ...entryRows(actor, fileChunkK(TAG.main, index), value),
  ];
  const edited = (edit: (bytes: Buffer) => void): Row[] => {
    const bytes = Buffer.from(image);
    edit(bytes);
    return v1Rows(actor, Uint8Array.from(bytes));
  };
  const sidecar = (tag: number): Row[] => [...good, ...fileRows(actor, tag, new Uint8Array(512).fill(7))];
  const cases: [string, string, Row[]][] = [
    ["a journal beside it", "journal_present", sidecar(TAG.journal)],
    ["a WAL beside it", "wal_present", sidecar(TAG.wal)],
    ["an SHM beside it", "shm_present", sidecar(TAG.shm)],
    ["a journal, a WAL and an SHM", "journal_present", [...sidecar(TAG.shm), ...sidecar(TAG.wal), ...sidecar(1)]],
    ["a WAL and an SHM", "wal_present", [...sidecar(TAG.shm), ...fileRows(actor, TAG.wal, new Uint8Array(32))]],
    [
      "a journal chunk without journal metadata",
      "journal_present",
      [...good, ...entryRows(actor, fileChunkK(TAG.journal, 0), new Uint8Array(1))],
    ],
    ["no file metadata", "meta_missing", without(isMeta)],
    ["file metadata of 9 bytes", "meta_invalid", withMeta(fileMetadataValue(image.length).slice(0, 9))],
    ["file metadata of 11 bytes", "meta_invalid", withMeta(bytesOf(fileMetadataValue(image.length), 0))],
    ["empty file metadata", "meta_invalid", withMeta(new Uint8Array(0))],
    ["file metadata of version 0", "meta_version_unsupported", withMeta(fileMetadataValue(image.length, 0))],
    ["file metadata of version 2", "meta_version_unsupported", withMeta(fileMetadataValue(image.length, 2))],
    ["file metadata of version 256", "meta_version_unsupported", withMeta(fileMetadataValue(image.length, 256))],
    ["a size over the limit", "too_large", withMeta(fileMetadataValue(10n * 1024n ** 3n + 4096n))],
    ["the largest size there is", "too_large", withMeta(fileMetadataValue(2n ** 64n - 1n))],
    ["the first chunk missing", "chunk_missing", without(isChunk(0))],
    ["a chunk in the middle missing", "chunk_missing", without(isChunk(1))],
    ["the last chunk missing", "chunk_missing", without(isChunk(pages - 1))],
    ["no chunk at all", "chunk_missing", good.filter(isMeta)],
    ["a size one page larger than the chunks", "chunk_missing", withMeta(fileMetadataValue(image.length + PAGE))],
    ["a size of 2 GiB over few chunks", "chunk_missing", withMeta(fileMetadataValue(2n * 1024n ** 3n))],
    ["a chunk past the size", "chunk_unexpected", withMeta(fileMetadataValue(image.length - PAGE))],
    [
      "a chunk far past the size",
      "chunk_unexpected",
      [...good, ...entryRows(actor, fileChunkK(TAG.main, 0xffffffff), new Uint8Array(PAGE))],
    ],
    ["chunks of a file of size 0", "chunk_unexpected", withMeta(fileMetadataValue(0))],
    [
      "a chunk key one byte short",
      "chunk_unexpected",
      [...good, ...entryRows(actor, fileChunkK(TAG.main, 1).slice(0, 7), new Uint8Array(PAGE))],
    ],
    [
      "a chunk key one byte too long",
      "chunk_unexpected",
      [...good, ...entryRows(actor, bytesOf(fileChunkK(TAG.main, 1), 0), new Uint8Array(PAGE))],
    ],
    ["a chunk of 4,097 bytes", "chunk_oversized", withChunk(1, new Uint8Array(PAGE + 1))],
    ["a chunk of 25,000 bytes", "chunk_oversized", withChunk(1, new Uint8Array(25_000))],
    ["a chunk without its metadata row", "entry_corrupt", without((row) => isChunk(1)(row) && isEntryMetadata(row))],
    ["the last chunk without metadata", "entry_corrupt", without((r) => isChunk(pages - 1)(r) && isEntryMetadata(r))],
    ["a chunk without its value", "entry_corrupt", without((row) => isChunk(1)(row) && !isEntryMetadata(row))],
    [
      "a chunk whose value begins with row 1",
      "entry_corrupt",
      [
        ...without((row) => isChunk(1)(row) && !isEntryMetadata(row)),
        chunkRow(actor, fileChunkK(TAG.main, 1), 1, new Uint8Array(PAGE)),
      ],
    ],
    [
      "a chunk with a metadata row that is not BARE",
      "entry_corrupt",
      [
        ...without((row) => isChunk(1)(row) && isEntryMetadata(row)),
        metadataRow(actor, fileChunkK(TAG.main, 1), Uint8Array.of(200, 1, 2)),
      ],
    ],
    ["file metadata without its metadata row", "entry_corrupt", without((row) => isMeta(row) && isEntryMetadata(row))],
    ["file metadata without its value", "entry_corrupt", without((row) => isMeta(row) && !isEntryMetadata(row))],
    [
      "a row of a chunk with a foreign ending",
      "entry_corrupt",
      [
        ...good,
        {
          key: bytesOf(kvSubspace(actor), nestedKey(fileChunkK(TAG.main, 1)), 0x15, 45),
          value: new Uint8Array(1),
        },
      ],
    ],
    ["17 bytes", "header_too_small", v1Rows(actor, image.slice(0, 17))],
    ["1 byte", "header_too_small", v1Rows(actor, image.slice(0, 1))],
    ["a foreign magic", "magic_mismatch", edited((bytes) => bytes.write("SQLite format 4", "latin1"))],
    ["18 bytes of zeros", "magic_mismatch", v1Rows(actor, new Uint8Array(18))],
    ["a header chunk cut to nothing", "magic_mismatch", withChunk(0, new Uint8Array(0))],
    ["page size 0", "page_size_invalid", edited((bytes) => bytes.writeUInt16BE(0, 16))],
    ["page size 256", "page_size_invalid", edited((bytes) => bytes.writeUInt16BE(256, 16))],
    ["page size 4,095", "page_size_invalid", edited((bytes) => bytes.writeUInt16BE(4095, 16))],
    ["page size 2", "page_size_invalid", edited((bytes) => bytes.writeUInt16BE(2, 16))],
    ["page size 512", "page_size_unsupported", edited((bytes) => bytes.writeUInt16BE(512, 16))],
    ["page size 32,768", "page_size_unsupported", edited((bytes) => bytes.writeUInt16BE(32_768, 16))],
    ["page size 65,536", "page_size_unsupported", edited((bytes) => bytes.writeUInt16BE(1, 16))],
    ["18 bytes of a good header", "size_not_page_aligned", v1Rows(actor, image.slice(0, 18))],
    ["one byte short of whole pages", "size_not_page_aligned", v1Rows(actor, image.slice(0, -1))],
    ["one byte over whole pages", "size_not_page_aligned", v1Rows(actor, bytesOf(image, 1))],
  ];
  return cases.map(([title, reason, rows]) => ({ title, reason, rows }));
}

export function entryPrefix(actor: TestActor, k: Uint8Array): Uint8Array {
  return bytesOf(kvSubspace(actor), nestedKey(k));
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && Buffer.compare(bytes.subarray(0, prefix.length), prefix) === 0;
}
