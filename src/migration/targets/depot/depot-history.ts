import { equalBytes, prefixRange, toHex, trailingU64 } from "../../../formats/bytes.ts";
import { decodeDepotCommit, decodeTxid } from "../../../formats/depot-head.ts";
import { commitsPrefix, vtxPrefix } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import type { Rows } from "../../rows.ts";
import type { BranchView } from "./depot-reader.ts";

/**
 * Checks a branch's history as far as a complete one must be: COMMITS of txids 1 to the head without a gap, the last of the head's
 * size, one VTX row for each and no other, in the same order (DEPOT §3, rules 1 and 4). VTX rows lie in the order of their stamps, so these
 * rise with txids.
 * @throws FormatError `depot_history_invalid`
 */
export async function assertHistory(rows: Rows, view: BranchView): Promise<void> {
  const stamps = await readVtx(rows, view.branch);
  const prefix = commitsPrefix(view.branch);
  let txid = 0n;
  let pageCount = 0;
  for await (const batch of rows.getRange(prefixRange(prefix))) {
    for (const row of batch) {
      txid += 1n;
      if (trailingU64(row.key, prefix) !== txid) {
        throw invalid("COMMITS has a gap.", { txid });
      }
      const commit = decodeDepotCommit(row.value);
      const vtx = stamps[Number(txid) - 1];
      if (vtx?.txid !== txid || !equalBytes(vtx.stamp, commit.stamp)) {
        throw invalid("VTX is not COMMITS turned round.", { txid, stamp: toHex(commit.stamp) });
      }
      pageCount = commit.pageCount;
    }
  }
  if (txid !== view.headTxid || stamps.length !== Number(txid) || pageCount !== view.pageCount) {
    throw invalid("COMMITS does not end where the head is.", { txid, pageCount, head: view.headTxid.toString() });
  }
}

async function readVtx(rows: Rows, branch: Uint8Array): Promise<{ stamp: Uint8Array; txid: bigint }[]> {
  const prefix = vtxPrefix(branch);
  const stamps: { stamp: Uint8Array; txid: bigint }[] = [];
  for await (const batch of rows.getRange(prefixRange(prefix))) {
    for (const row of batch) {
      stamps.push({ stamp: row.key.slice(prefix.length), txid: decodeTxid(row.value) });
    }
  }
  return stamps;
}

function invalid(message: string, details: { txid: bigint } & Record<string, unknown>): FormatError {
  return new FormatError("depot_history_invalid", message, { ...details, txid: details.txid.toString() });
}
