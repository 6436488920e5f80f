import { commitKey } from "../../../formats/depot-keys.ts";
import type { Transaction } from "../../../store/store.ts";
import { writeCommits, writeMeta, type DepotImage } from "./depot-commits.ts";
import { txidsOf } from "./depot-layout.ts";

/** Txids in one transaction: about 100 KB as FoundationDB counts, and far from the 65,536 that a stamp can number. */
const TXIDS_PER_TRANSACTION = 256;

/**
 * Writes COMMITS and VTX of a staged image, strictly in txid order, and META at the end. A transaction whose commit was unknown, or
 * that an earlier attempt made, is found by its first COMMITS row and not made again: a second one would leave two VTX rows for a
 * txid (DEPOT R7).
 * @param write runs a body in a transaction that holds the stage's fence.
 */
export async function sealStage(
  image: DepotImage,
  write: (body: (tx: Transaction) => Promise<void>) => Promise<void>,
): Promise<void> {
  const end = txidsOf(image.pageCount) + 1;
  for (let first = 1; first < end; first += TXIDS_PER_TRANSACTION) {
    const batchEnd = Math.min(first + TXIDS_PER_TRANSACTION, end);
    await write(async (tx) => {
      if ((await tx.get(commitKey(image.stage.branch, BigInt(first)))) === undefined) {
        writeCommits(tx, image, first, batchEnd);
      }
      if (batchEnd === end) {
        writeMeta(tx, image);
      }
    });
  }
}
