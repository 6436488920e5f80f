import type { ActorId } from "../../../formats/actor-id.ts";
import { equalBytes } from "../../../formats/bytes.ts";
import {
  CATALOG_FACT_STAMP_OFFSET,
  DATABASE_BRANCH_STAMP_OFFSET,
  encodeBranchPointer,
  encodeCatalogFact,
  encodeRootDatabaseBranch,
} from "../../../formats/depot-branch.ts";
import { decodeDepotCommit } from "../../../formats/depot-head.ts";
import {
  branchKey,
  bucketCatalogKey,
  catalogByDatabaseKey,
  commitKey,
  databasePointerKey,
  headKey,
  proofEpochKey,
  refcountKey,
} from "../../../formats/depot-keys.ts";
import { STAMP_PLACEHOLDER } from "../../../formats/depot-record.ts";
import type { Transaction } from "../../../store/store.ts";
import { FenceLostError } from "../../errors.ts";
import { headOf, type DepotImage } from "./depot-commits.ts";
import { depotImageKey, encodeDepotImageRow } from "./depot-image-row.ts";
import { txidsOf } from "./depot-layout.ts";

/** What the pages of a branch hang on, whoever reads them. */
export interface SwitchFacts {
  readonly image: DepotImage;
  readonly bucketBranch: Uint8Array;
  readonly nowMs: number;
}

/**
 * The stamp of txid 1, with a proof that the stage is whole: head as it must be, first and last COMMITS there, and nobody has
 * switched to the branch before. Serializable reads, all of them (DEPOT §7.4).
 * @throws FenceLostError `stage_gone`
 */
export async function readSealedStamp(tx: Transaction, image: DepotImage): Promise<Uint8Array> {
  const { branch } = image.stage;
  const [record, head, first, last] = await Promise.all([
    tx.get(branchKey(branch)),
    tx.get(headKey(branch)),
    tx.get(commitKey(branch, 1n)),
    tx.get(commitKey(branch, BigInt(txidsOf(image.pageCount)))),
  ]);
  if (record !== undefined || !equalBytes(head, headOf(image)) || first === undefined || last === undefined) {
    throw new FenceLostError("stage_gone", "The staged Depot branch is not what this attempt wrote.");
  }
  return decodeDepotCommit(first).stamp;
}

/**
 * Makes a branch the actor's database: K6, K7, K9, K10, K11 and K5, which is what the engine looks at.
 * @param rootStamp the stamp of txid 1, which every later one must not be before; undefined when txid 1 is written in this same
 *   transaction and the stamp is its own. Never the switch's of a staged image: the engine's sweep would take its commits for older
 *   than the database (DEPOT §3, rule 2).
 */
export function writePointer(
  tx: Transaction,
  id: ActorId,
  facts: SwitchFacts,
  rootStamp: Uint8Array | undefined,
): void {
  const { bucketBranch } = facts;
  const { branch, wallClockMs } = facts.image.stage;
  const record = { branch, bucketBranch, rootStamp: rootStamp ?? STAMP_PLACEHOLDER, createdAtMs: wallClockMs };
  if (rootStamp === undefined) {
    tx.setVersionstampedValue(branchKey(branch), encodeRootDatabaseBranch(record), DATABASE_BRANCH_STAMP_OFFSET);
  } else {
    tx.set(branchKey(branch), encodeRootDatabaseBranch(record));
  }
  tx.add(refcountKey(branchKey(branch)), 1n);
  tx.setVersionstampedValue(bucketCatalogKey(bucketBranch, branch), STAMP_PLACEHOLDER, 0);
  tx.setVersionstampedValue(
    catalogByDatabaseKey(branch, bucketBranch),
    encodeCatalogFact({ branch, bucketBranch, catalogStamp: STAMP_PLACEHOLDER }),
    CATALOG_FACT_STAMP_OFFSET,
  );
  // A live bucket of Ferry's has no parent, so it is its own root.
  tx.add(proofEpochKey(bucketBranch), 1n);
  tx.set(databasePointerKey(bucketBranch, id), encodeBranchPointer({ branch, lastSwappedAtMs: BigInt(facts.nowMs) }));
  tx.set(depotImageKey(id), encodeDepotImageRow({ branch, bucketBranch, head: headOf(facts.image) }));
}
