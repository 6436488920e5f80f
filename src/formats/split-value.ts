import { concatBytes, viewOf } from "./bytes.ts";
import { FormatError } from "./format-error.ts";

/*
 * v2's logical values on physical rows, FORMATS §4.
 *
 *   subspace | key              00 | value                                     inline, below 100,000 bytes
 *                               01 | length u32 BE | pieces u32 BE             split, from there up
 *   subspace | 03 | key | i     piece i u32 BE, 10,000 bytes each, the last shorter
 *
 * Readers take as many pieces as the head says. There can be more: where the engine writes a shorter value over a longer one, the rest of
 * that one's pieces stay. It clears from `03 | key` up to `03 | key | 00`, where none lies (`tx_delete_value` of its sqlite-storage/src/udb.rs).
 *
 * The engine inlines 100,000 bytes too; with the mark that is one more than FoundationDB's limit, so Ferry splits there.
 */

const INLINE = 0x00;
const SPLIT = 0x01;
const PIECE_MARK = new Uint8Array([0x03]);
export const PIECE_BYTES = 10_000;
const SPLIT_FROM_BYTES = 100_000;

/** A physical row to write. */
export interface PhysicalRow {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

export function physicalKey(subspace: Uint8Array, logicalKey: Uint8Array): Uint8Array {
  return concatBytes(subspace, logicalKey);
}

/** What the pieces' keys of all logical keys with this prefix start with. */
export function piecePrefix(subspace: Uint8Array, logicalPrefix: Uint8Array): Uint8Array {
  return concatBytes(subspace, PIECE_MARK, logicalPrefix);
}

/**
 * The rows of one logical value, head row first. Pieces are views of `value`, not copies. A split value's rows live until they are
 * committed, and share no memory with other keys, which they would keep from being collected.
 */
export function encodeSplitValue(subspace: Uint8Array, logicalKey: Uint8Array, value: Uint8Array): PhysicalRow[] {
  const key = physicalKey(subspace, logicalKey);
  if (value.length < SPLIT_FROM_BYTES) {
    return [{ key, value: concatBytes(new Uint8Array([INLINE]), value) }];
  }
  const pieces = Math.ceil(value.length / PIECE_BYTES);
  const head = new Uint8Array(9);
  head[0] = SPLIT;
  viewOf(head).setUint32(1, value.length);
  viewOf(head).setUint32(5, pieces);
  const rows: PhysicalRow[] = [{ key: key.slice(), value: head }];
  for (const [index, piece] of pieceKeys(subspace, logicalKey, pieces).entries()) {
    rows.push({ key: piece, value: value.subarray(index * PIECE_BYTES, (index + 1) * PIECE_BYTES) });
  }
  return rows;
}

function pieceKeys(subspace: Uint8Array, logicalKey: Uint8Array, pieces: number): Uint8Array[] {
  const prefix = piecePrefix(subspace, logicalKey);
  const keyBytes = prefix.length + 4;
  const keys = new Uint8Array(pieces * keyBytes);
  const view = viewOf(keys);
  return Array.from({ length: pieces }, (_, index) => {
    const key = keys.subarray(index * keyBytes, (index + 1) * keyBytes);
    key.set(prefix);
    view.setUint32(index * keyBytes + prefix.length, index);
    return key;
  });
}

/** The head row of a value: the value itself, or what to look for in pieces. */
export type SplitHead =
  | { readonly kind: "inline"; readonly value: Uint8Array }
  | { readonly kind: "split"; readonly bytes: number; readonly pieces: number };

/** @throws FormatError `split_value_invalid` for an unknown mark, a wrong length, or a piece count that does not fit the length. */
export function decodeSplitHead(row: Uint8Array): SplitHead {
  if (row[0] === INLINE) {
    return { kind: "inline", value: row.subarray(1) };
  }
  if (row[0] !== SPLIT || row.length !== 9) {
    throw new FormatError("split_value_invalid", "A v2 value starts with neither an inline nor a split mark.", {
      mark: row[0],
    });
  }
  const bytes = viewOf(row).getUint32(1);
  const pieces = viewOf(row).getUint32(5);
  if (pieces !== Math.ceil(bytes / PIECE_BYTES)) {
    throw new FormatError("split_value_invalid", "A split v2 value's piece count does not fit its length.", {
      bytes,
      pieces,
    });
  }
  return { kind: "split", bytes, pieces };
}

/**
 * Whether pieces of these lengths, in order, begin with all of a split value.
 * @throws FormatError `rows_missing` when there are too few, `split_value_invalid` for a wrong length.
 */
export function assertPieces(head: { bytes: number; pieces: number }, lengths: readonly number[]): void {
  if (lengths.length < head.pieces) {
    throw new FormatError("rows_missing", "A split v2 value has a piece missing.", { ...head, found: lengths.length });
  }
  const own = lengths.slice(0, head.pieces);
  if (!own.every((length, index) => length === Math.min(PIECE_BYTES, head.bytes - index * PIECE_BYTES))) {
    throw new FormatError("split_value_invalid", "A split v2 value has a piece of the wrong length.", {
      ...head,
      found: lengths.length,
    });
  }
}

/** Joins a split value's pieces. @throws FormatError as `assertPieces`. */
export function joinPieces(head: { bytes: number; pieces: number }, pieces: readonly Uint8Array[]): Uint8Array {
  assertPieces(
    head,
    pieces.map((piece) => piece.length),
  );
  return concatBytes(...pieces.slice(0, head.pieces));
}
