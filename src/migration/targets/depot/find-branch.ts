import type { ActorId } from "../../../formats/actor-id.ts";
import { actorStateKey } from "../../../formats/actor-state.ts";
import { decodeBranchPointer, decodeDatabaseBranch } from "../../../formats/depot-branch.ts";
import { branchKey, bucketPointerKey } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { bucketOfNamespace, decodeNamespaceId, type NamespaceId } from "../../../formats/namespace-id.ts";
import type { Rows } from "../../rows.ts";
import { readDatabase } from "./depot-database.ts";
import { readImageRow } from "./depot-image-row.ts";
import type { DepotOptions } from "./depot-options.ts";
import type { BranchView } from "./depot-reader.ts";

/**
 * The branch that readers of v2 see for an actor, or undefined when it has none that is complete. Of a fork, whose pages are partly its
 * parent's, it is not given: Ferry does not read those.
 * @throws FormatError `v2_meta_undecodable`, `depot_record_invalid`, `depot_fork_unsupported`
 */
export async function findBranch(
  rows: Rows,
  id: ActorId,
  options: Pick<DepotOptions, "namespace">,
): Promise<BranchView | undefined> {
  const row = await rows.get(actorStateKey(id, "NAMESPACE_ID"));
  const namespace = row === undefined ? options.namespace : decodeNamespaceId(row);
  const bucketBranch = await (namespace === undefined ? rememberedBucket(rows, id) : bucketOf(rows, namespace));
  const database = await readDatabase(rows, id, bucketBranch);
  if (database.kind !== "present") {
    return undefined;
  }
  const record = await rows.get(branchKey(database.branch));
  const parent = record === undefined ? undefined : decodeDatabaseBranch(record).parent;
  if (database.head === undefined || parent !== undefined) {
    throw new FormatError("depot_fork_unsupported", "The actor's Depot database is a fork, which Ferry does not read.");
  }
  return { branch: database.branch, pageCount: database.head.pageCount, headTxid: database.head.headTxid };
}

async function bucketOf(rows: Rows, namespace: NamespaceId): Promise<Uint8Array | undefined> {
  const pointer = await rows.get(bucketPointerKey(bucketOfNamespace(namespace)));
  return pointer === undefined ? undefined : decodeBranchPointer(pointer).branch;
}

/** Where Ferry put an actor's database, for those whose namespace only the job knew that migrated it. */
export async function rememberedBucket(rows: Pick<Rows, "get">, id: ActorId): Promise<Uint8Array | undefined> {
  return (await readImageRow(rows, id))?.bucketBranch;
}
