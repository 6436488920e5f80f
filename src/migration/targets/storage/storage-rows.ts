import type { ActorId } from "../../../formats/actor-id.ts";
import { concatBytes, keyAfter, prefixRange, u32be } from "../../../formats/bytes.ts";
import { encodeSplitValue, physicalKey, piecePrefix, type PhysicalRow } from "../../../formats/split-value.ts";
import { DELTA, META, PIDX, SHARD, v2ActorPrefix, V2_SUBSPACE } from "../../../formats/v2-keys.ts";
import type { KeyRange } from "../../../store/store.ts";

/** The rows of one logical value. */
export function logicalRows(logicalKey: Uint8Array, value: Uint8Array): PhysicalRow[] {
  return encodeSplitValue(V2_SUBSPACE, logicalKey, value);
}

/** What a logical value adds to `sqlite_storage_used`. */
export function storageBytesOf(logicalKey: Uint8Array, value: Uint8Array): number {
  return logicalKey.length + value.length;
}

/** The physical keys of logical keys with a prefix; their pieces lie elsewhere. */
export function logicalRange(logicalPrefix: Uint8Array): KeyRange {
  return prefixRange(physicalKey(V2_SUBSPACE, logicalPrefix));
}

/** The pieces of one logical key's split value: all that there are, or the first so many. */
export function piecesRange(logicalKey: Uint8Array, pieces?: number): KeyRange {
  const prefix = piecePrefix(V2_SUBSPACE, logicalKey);
  const all = prefixRange(prefix);
  return pieces === undefined ? all : { ...all, end: concatBytes(prefix, u32be(pieces)) };
}

/** The keys after an actor's own part under which it has rows, and where they end; META is one key. In the order of keys. */
const KINDS: readonly KeyRange[] = [
  prefixRange(DELTA),
  { begin: META, end: keyAfter(META) },
  prefixRange(PIDX),
  prefixRange(SHARD),
];
const PIECE_KINDS: readonly KeyRange[] = [DELTA, META, PIDX, SHARD].map(prefixRange);

/**
 * Every row of an actor's META, DELTA, PIDX and SHARD, pieces included. In the order of keys: the embedded store takes clears that lie
 * side by side and find nothing for one, where it would look eight times if rows and pieces came by turns.
 */
export function allRanges(id: ActorId): KeyRange[] {
  const actor = v2ActorPrefix(id);
  return [
    ...rangesUnder(physicalKey(V2_SUBSPACE, actor), KINDS),
    ...rangesUnder(piecePrefix(V2_SUBSPACE, actor), PIECE_KINDS),
  ];
}

function rangesUnder(prefix: Uint8Array, kinds: readonly KeyRange[]): KeyRange[] {
  return kinds.map(({ begin, end }) => ({ begin: concatBytes(prefix, begin), end: concatBytes(prefix, end) }));
}

/** Two ranges that hold every v2 row of an actor, known or not: to see whether there is any. */
export function anyRanges(id: ActorId): KeyRange[] {
  const actor = concatBytes(v2ActorPrefix(id), new Uint8Array([0x2f]));
  return [logicalRange(actor), prefixRange(piecePrefix(V2_SUBSPACE, actor))];
}
