import type { ErrorDetails } from "../../errors.ts";

/**
 * To the codec's thread, in order. `bytes` is a `PageMemory`'s, with pages from `begin` on one after the other, or with blocks from its
 * start on, as long as `lengths` says; it is the thread's until the answer. Shared and not handed over: that waits for the garbage
 * collector. `pass` tells images apart; `end` is not answered.
 */
export type CodecRequest =
  | {
      readonly op: "compress" | "hash";
      readonly pass: number;
      readonly bytes: SharedArrayBuffer;
      readonly begin: number;
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
  | { readonly kind: "done" }
  /** Blocks that took the pages' place, from the start of their memory on. */
  | { readonly kind: "blocks"; readonly lengths: readonly number[] }
  | { readonly kind: "digest"; readonly sha256: string }
  /** A FormatError, which does not survive the way as such. */
  | {
      readonly kind: "refused";
      readonly code: string;
      readonly message: string;
      readonly details: ErrorDetails;
    };
