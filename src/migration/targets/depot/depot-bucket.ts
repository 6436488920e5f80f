import {
  BUCKET_BRANCH_STAMP_OFFSET,
  decodeBranchPointer,
  decodeBucketBranch,
  encodeBranchPointer,
  encodeRootBucketBranch,
} from "../../../formats/depot-branch.ts";
import { equalBytes } from "../../../formats/bytes.ts";
import { bucketBranchKey, bucketPointerKey, refcountKey } from "../../../formats/depot-keys.ts";
import { STAMP_PLACEHOLDER } from "../../../formats/depot-record.ts";
import { assertFormatError } from "../../../formats/format-error.ts";
import { bucketOfNamespace, type NamespaceId } from "../../../formats/namespace-id.ts";
import { makeUuid } from "../../../formats/uuid.ts";
import type { Transaction } from "../../../store/store.ts";

/** The bucket of a namespace: what it is on, or that nothing was ever stored for the namespace, or why nothing may be added to it. */
export type Bucket =
  | { readonly kind: "live"; readonly bucketBranch: Uint8Array }
  | { readonly kind: "absent" }
  | { readonly kind: "not_live"; readonly bucketBranch: Uint8Array | undefined; readonly detail: string };

/** Reads a namespace's bucket, serializably: K1 and K2, both at once where the bucket is on the branch that is `expected`. */
export async function readBucket(tx: Transaction, namespace: NamespaceId, expected?: Uint8Array): Promise<Bucket> {
  const [pointer, expectedRecord] = await Promise.all([
    tx.get(bucketPointerKey(bucketOfNamespace(namespace))),
    expected === undefined ? undefined : tx.get(bucketBranchKey(expected)),
  ]);
  if (pointer === undefined) {
    return { kind: "absent" };
  }
  let bucketBranch: Uint8Array | undefined;
  try {
    bucketBranch = decodeBranchPointer(pointer).branch;
    const record = equalBytes(bucketBranch, expected) ? expectedRecord : await tx.get(bucketBranchKey(bucketBranch));
    const detail = record === undefined ? "it points to a branch that has no record" : obstacleOf(record);
    return detail === undefined ? { kind: "live", bucketBranch } : { kind: "not_live", bucketBranch, detail };
  } catch (error) {
    assertFormatError(error);
    return { kind: "not_live", bucketBranch, detail: "it has a record that cannot be read" };
  }
}

/** @throws FormatError `depot_record_invalid` */
function obstacleOf(record: Uint8Array): string | undefined {
  const branch = decodeBucketBranch(record);
  if (branch.state !== "live") {
    return "it is frozen";
  }
  // A database of a fork can be the parent's: what a pointer means there is not for Ferry to decide.
  return branch.parent === undefined ? undefined : "it was forked off another, or rolled back";
}

/**
 * Creates a namespace's bucket as the engine's first commit does, unless it exists: K2, K3, K1. A transaction of its own, so that
 * actors of one namespace do not conflict over it; reading K1 serializably lets exactly one of all creators win.
 */
export async function createBucket(
  tx: Transaction,
  namespace: NamespaceId,
  facts: { random: Uint8Array; nowMs: number },
): Promise<void> {
  const pointerKey = bucketPointerKey(bucketOfNamespace(namespace));
  if ((await tx.get(pointerKey)) !== undefined) {
    return;
  }
  const branch = makeUuid(facts.random);
  const nowMs = BigInt(facts.nowMs);
  tx.setVersionstampedValue(
    bucketBranchKey(branch),
    encodeRootBucketBranch({ branch, rootStamp: STAMP_PLACEHOLDER, createdAtMs: nowMs }),
    BUCKET_BRANCH_STAMP_OFFSET,
  );
  tx.add(refcountKey(bucketBranchKey(branch)), 1n);
  tx.set(pointerKey, encodeBranchPointer({ branch, lastSwappedAtMs: nowMs }));
}
