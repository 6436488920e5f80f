import type { ErrorDetails } from "../../errors.ts";
import { MOST_BLOCK_BYTES } from "../../formats/page-codec.ts";
import { PAGE_BYTES } from "../../formats/sqlite-header.ts";

/**
 * To the codec's thread, in order. `bytes` holds pages or blocks one after the other, blocks as long as `lengths` says, pages to compress
 * behind some room; it is the thread's until the answer. Shared and not handed over: that waits for the garbage collector. `pass` tells
 * images apart; `end` is not answered.
 */
export type CodecRequest =
  | {
      readonly op: "compress" | "hash";
      readonly pass: number;
      readonly bytes: SharedArrayBuffer;
      readonly pages: number;
    }
  | {
      readonly op: "inflate";
      readonly pass: number;
      readonly bytes: SharedArrayBuffer;
      readonly lengths: readonly number[];
    }
  | { readonly op: "digest" | "end"; readonly pass: number };

/** From it, in the order of the requests. */
export type CodecAnswer =
  | { readonly kind: "done"; readonly bytes: SharedArrayBuffer }
  /** Blocks that took the pages' place. */
  | { readonly kind: "blocks"; readonly bytes: SharedArrayBuffer; readonly lengths: readonly number[] }
  | { readonly kind: "digest"; readonly sha256: string }
  /** A FormatError, which does not survive the way as such. */
  | {
      readonly kind: "refused";
      readonly bytes: SharedArrayBuffer;
      readonly code: string;
      readonly message: string;
      readonly details: ErrorDetails;
    };

/** Bytes before pages that are to be compressed: blocks can be longer than pages, and must not overtake them where they take their place. */
export function roomBeforePages(pages: number): number {
  return pages * (MOST_BLOCK_BYTES - PAGE_BYTES);
}
