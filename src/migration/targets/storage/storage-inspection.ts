import type { ActorId } from "../../../formats/actor-id.ts";
import type { DbHead } from "../../../formats/db-head.ts";
import { assertFormatError } from "../../../formats/format-error.ts";
import { deltaPrefix, pidxPrefix, shardPrefix } from "../../../formats/v2-keys.ts";
import type { Layout } from "../../outcome.ts";
import type { Rows } from "../../rows.ts";
import { decodeMetaRow, metaRowKey } from "./storage-head.ts";
import { logicalRange } from "./storage-rows.ts";

/** What a person wants to see of an actor's v2 rows. */
export interface StorageInspection {
  /** META's fields, or the sentence that says why it cannot be read. */
  readonly head: DbHead | string;
  /** Logical rows; the pieces of split values count as one. */
  readonly rows: { readonly delta: number; readonly pidx: number; readonly shard: number };
  /** By its rows; `mixed` after the engine has written or compacted some. */
  readonly layout: Layout | "mixed" | "empty";
}

/** Reads all of an actor's v2 rows once; undefined when there is no META. */
export async function inspectStorage(rows: Rows, id: ActorId): Promise<StorageInspection | undefined> {
  const meta = await rows.get(metaRowKey(id));
  if (meta === undefined) {
    return undefined;
  }
  const count = async (prefix: Uint8Array): Promise<number> => {
    let found = 0;
    for await (const batch of rows.getRange(logicalRange(prefix))) {
      found += batch.length;
    }
    return found;
  };
  const [delta, pidx, shard] = [
    await count(deltaPrefix(id)),
    await count(pidxPrefix(id)),
    await count(shardPrefix(id)),
  ];
  return { head: readableHead(meta), rows: { delta, pidx, shard }, layout: layoutOf(delta, shard) };
}

function layoutOf(delta: number, shard: number): StorageInspection["layout"] {
  if (delta > 0 && shard > 0) {
    return "mixed";
  }
  return delta > 0 ? "delta" : shard > 0 ? "shards" : "empty";
}

function readableHead(meta: Uint8Array): DbHead | string {
  try {
    return decodeMetaRow(meta);
  } catch (error) {
    assertFormatError(error);
    return error.message;
  }
}
