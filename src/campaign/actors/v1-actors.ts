import { ACTOR_ID_BYTES, type ActorId } from "../../formats/actor-id.ts";
import { ACTOR_KV_ROOT, actorKvSubspace, actorOfKvKey, chunkRowKey, entryKeyPrefix } from "../../formats/actor-kv.ts";
import { compareBytes, concatBytes, equalBytes, keyAfter, prefixEnd, prefixRange } from "../../formats/bytes.ts";
import { assertFormatError } from "../../formats/format-error.ts";
import { decodeFileMetadata, FILE_TAG, fileMetadataKey, V1_CHUNK_BYTES, V1_PREFIX } from "../../formats/v1-file.ts";
import type { KeyRange, KeyValue, Transaction } from "../../store/store.ts";

/** An actor with v1 data, and its main file's size in bytes where its metadata says one that can be. */
export interface V1Actor {
  readonly id: ActorId;
  readonly bytes: number;
}

const SUBSPACE_BYTES = ACTOR_KV_ROOT.length + ACTOR_ID_BYTES;
/** Ends of keys after an actor's subspace: where SQLite's v1 rows begin and end, and the row of the main file's metadata. */
const NOTHING = new Uint8Array(0);
const V1_ROWS = prefixRange(entryKeyPrefix(NOTHING, V1_PREFIX));
const MAIN_METADATA = chunkRowKey(NOTHING, fileMetadataKey(FILE_TAG.main), 0);
/** A file has no more chunks than their index can number: 16 TiB. */
const MAX_FILE_BYTES = 0x1_0000_0000 * V1_CHUNK_BYTES;

/**
 * Cuts the actors' key-value space into `count` ranges of about as many actors: ids are random in their second to fifth byte.
 */
export function splitActorSpace(count: number): KeyRange[] {
  const whole = prefixRange(ACTOR_KV_ROOT);
  const cut = (index: number): Uint8Array => {
    const bound = Buffer.alloc(4);
    bound.writeUInt32BE(Math.floor((index / count) * 0x1_0000_0000));
    return concatBytes(ACTOR_KV_ROOT, new Uint8Array([0x01]), bound);
  };
  return Array.from({ length: count }, (_, index) => ({
    begin: index === 0 ? whole.begin : cut(index),
    end: index === count - 1 ? whole.end : cut(index + 1),
  }));
}

/**
 * Finds the next actors with v1 data in a range, skipping over everything else by seeks: one read for an actor that has nothing
 * before its SQLite rows, two for others. `next` is where to go on, undefined at the range's end.
 */
export async function readV1Actors(
  tx: Transaction,
  range: KeyRange,
  limits: { maxActors: number; maxReads: number },
): Promise<{ actors: V1Actor[]; next: Uint8Array | undefined }> {
  const actors: V1Actor[] = [];
  let begin = range.begin;
  for (let reads = 0; actors.length < limits.maxActors && reads < limits.maxReads; reads += 1) {
    const row = await firstRow(tx, { begin, end: range.end });
    if (row === undefined) {
      return { actors, next: undefined };
    }
    const found = step(row);
    if (found.actor !== undefined) {
      actors.push(found.actor);
    }
    begin = found.next;
  }
  return { actors, next: begin };
}

/** What a row found by a seek tells, and where to seek next. */
function step(row: KeyValue): { actor?: V1Actor; next: Uint8Array } {
  const id = actorOf(row.key);
  if (id === undefined) {
    // Not a key of an actor's: beyond any actor with the same 19 bytes there may be others.
    return { next: keyAfter(row.key) };
  }
  const subspace = row.key.subarray(0, SUBSPACE_BYTES);
  const rest = row.key.subarray(SUBSPACE_BYTES);
  if (compareBytes(rest, V1_ROWS.begin) < 0) {
    return { next: concatBytes(subspace, V1_ROWS.begin) };
  }
  const next = prefixEnd(subspace);
  return compareBytes(rest, V1_ROWS.end) < 0
    ? { actor: { id, bytes: equalBytes(rest, MAIN_METADATA) ? sizeOf(row.value) : 0 }, next }
    : { next };
}

/** The size of an actor's main file by its metadata; 0 where there is none that can be. */
export async function readV1Size(tx: Transaction, id: ActorId): Promise<number> {
  const value = await tx.get(concatBytes(actorKvSubspace(id), MAIN_METADATA), { snapshot: true });
  return value === undefined ? 0 : sizeOf(value);
}

/** Given actors with the sizes of their main files. */
export async function readV1Sizes(tx: Transaction, ids: readonly ActorId[]): Promise<V1Actor[]> {
  return Promise.all(ids.map(async (id) => ({ id, bytes: await readV1Size(tx, id) })));
}

async function firstRow(tx: Transaction, range: KeyRange): Promise<KeyValue | undefined> {
  for await (const batch of tx.getRange(range, { limit: 1, snapshot: true })) {
    return batch[0];
  }
  return undefined;
}

/** What claims to be larger than any file can be is not read but rejected: it counts for nothing, and not for years of work. */
function sizeOf(metadata: Uint8Array): number {
  try {
    const bytes = Number(decodeFileMetadata(metadata));
    return bytes > MAX_FILE_BYTES ? 0 : bytes;
  } catch (error) {
    assertFormatError(error);
    return 0;
  }
}

function actorOf(key: Uint8Array): ActorId | undefined {
  try {
    return actorOfKvKey(key);
  } catch (error) {
    assertFormatError(error);
    return undefined;
  }
}
