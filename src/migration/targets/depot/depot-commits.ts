import { concatBytes, u64be } from "../../../formats/bytes.ts";
import { COMMIT_STAMP_OFFSET, encodeDepotCommit, encodeDepotHead, encodeI64 } from "../../../formats/depot-head.ts";
import {
  commitKey,
  headKey,
  lastAccessBucketKey,
  lastAccessTsKey,
  quotaKey,
  vtxKey,
  vtxPrefix,
} from "../../../formats/depot-keys.ts";
import { STAMP_PLACEHOLDER } from "../../../formats/depot-record.ts";
import type { Transaction } from "../../../store/store.ts";
import { pagesAfter, quotaOf, txidsOf } from "./depot-layout.ts";
import type { DepotStage } from "./depot-stage.ts";

/** An image as the rows beside its pages describe it. */
export interface DepotImage {
  readonly stage: DepotStage;
  readonly pageCount: number;
  /** Keys and values of its DELTA and PIDX rows. */
  readonly rowBytes: number;
}

const ACCESS_BUCKET_MS = 60_000n;

/**
 * COMMITS and VTX of txids `first` to `end`, excluded, in one transaction. Its one versionstamp serves them all: the stamps' last
 * bytes, which are the writer's and not the commit's, count them up, so that stamps rise with txids and VTX keys differ.
 * docs/decisions/depot-versionstamps.md
 */
export function writeCommits(tx: Transaction, image: DepotImage, first: number, end: number): void {
  const { branch, wallClockMs } = image.stage;
  for (let txid = first; txid < end; txid += 1) {
    const stamp = stampPlaceholder(txid - first);
    const pageCount = pagesAfter(txid, image.pageCount);
    tx.setVersionstampedValue(
      commitKey(branch, BigInt(txid)),
      encodeDepotCommit({ wallClockMs, stamp, pageCount }),
      COMMIT_STAMP_OFFSET,
    );
    tx.setVersionstampedKey(vtxKey(branch, stamp), vtxPrefix(branch).length, u64be(BigInt(txid)));
  }
}

/** META/head, the quota and the time of the last access: K12, K14, K15, K16. */
export function writeMeta(tx: Transaction, image: DepotImage): void {
  const { branch, wallClockMs } = image.stage;
  tx.set(headKey(branch), headOf(image));
  tx.set(quotaKey(branch), encodeI64(quotaOf(image.pageCount, image.rowBytes)));
  tx.set(lastAccessTsKey(branch), encodeI64(wallClockMs));
  tx.set(lastAccessBucketKey(branch), encodeI64(wallClockMs / ACCESS_BUCKET_MS));
}

/** The value of META/head. */
export function headOf(image: Pick<DepotImage, "stage" | "pageCount">): Uint8Array {
  return encodeDepotHead({
    headTxid: BigInt(txidsOf(image.pageCount)),
    pageCount: image.pageCount,
    branch: image.stage.branch,
  });
}

/** A stamp to be put in at commit, whose two bytes after it are `index`, as FoundationDB's own "user version" is. */
function stampPlaceholder(index: number): Uint8Array {
  return concatBytes(STAMP_PLACEHOLDER.subarray(0, 10), Uint8Array.of(index >> 8, index & 0xff), new Uint8Array(4));
}
