import type { ActorId } from "../../../formats/actor-id.ts";
import { equalBytes } from "../../../formats/bytes.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { hasRows } from "../../../store/read-rows.ts";
import type { Transaction } from "../../../store/store.ts";
import { depotImageKey } from "../depot/depot-image-row.ts";
import type { ImageSpec, Stager, Target } from "../target.ts";
import { DeltaStager } from "./delta-stager.ts";
import { ShardStager } from "./shard-stager.ts";
import {
  decodeMetaRow,
  finalMetaRow,
  isMigrationsHead,
  metaRowKey,
  stagingMetaRow,
  stateOfMetaRow,
} from "./storage-head.ts";
import { readStorageBlocks } from "./storage-reader.ts";
import { allRanges, anyRanges } from "./storage-rows.ts";

/** v2 as FORMATS §4 has it: META, DELTA, PIDX and SHARD rows under the engine's `sqlite-storage` subspace. */
export const storageTarget: Target = {
  name: "storage",
  readState: async (tx, id) => stateOfMetaRow(await tx.get(metaRowKey(id))),
  prepare: () => Promise.resolve(),
  async hasRows(tx, id) {
    const found = await Promise.all(anyRanges(id).map(async (range) => hasRows(tx, range)));
    return found.includes(true);
  },
  readHead: async (tx, id) => tx.get(metaRowKey(id)),
  admit: () => undefined,
  assertHeader: () => undefined,
  layoutOf: (requested) => requested,
  makeStager,
  // One blob over all pages has offsets that depend on every page before; a shard stands alone.
  isResumable: (layout) => layout === "shards",
  async isUntouched(tx, id, pageCount) {
    const row = await tx.get(metaRowKey(id));
    return row !== undefined && isMigrationsHead(decodeMetaRow(row), pageCount);
  },
  // The engine's commits and its compaction keep the origin. Its own migration has the same; what that read is v1.
  async beganAsFerrys(tx, id) {
    const row = await tx.get(metaRowKey(id));
    return row !== undefined && decodeMetaRow(row).origin === "migrated_from_v1";
  },
  isSuperseded: async (tx, id) => (await tx.get(depotImageKey(id))) !== undefined,
  hadImage: (_tx, _id, previous) => Promise.resolve(previous.state === "migrated" || previous.isGone === true),
  readBlocks: readStorageBlocks,
  async readPageCount(rows, id) {
    const row = await rows.get(metaRowKey(id));
    if (row === undefined) {
      return undefined;
    }
    const head = decodeMetaRow(row);
    return head.origin === "migrating_from_v1" ? undefined : head.dbSizePages;
  },
  writeImage(tx, id, image) {
    clear(tx, id);
    for (const row of image.rows) {
      tx.set(row.key, row.value);
    }
    return storageTarget.switchTo(tx, id, image);
  },
  // The stage's name is META while it lasts: whoever writes META has ended it, and the next attempt sees that.
  newStage: stagingMetaRow,
  isStage: (v2, stage) => !(v2 instanceof FormatError) && v2.kind === "migrating" && equalBytes(stage, v2.head),
  beginStage(tx, id, stage) {
    clear(tx, id);
    tx.set(metaRowKey(id), stage);
  },
  holdsStage: async (tx, id, stage) => equalBytes(await tx.get(metaRowKey(id)), stage),
  discardStage: clear,
  sealStage: () => Promise.resolve(),
  reasonNotToSwitch: () => Promise.resolve(undefined),
  switchTo(tx, id, image) {
    tx.set(metaRowKey(id), finalMetaRow(image.spec, image.storageBytes));
    return Promise.resolve();
  },
  reasonNotToUndo: () => Promise.resolve(undefined),
  undo(tx, id) {
    clear(tx, id);
    return Promise.resolve();
  },
};

/** Removes every v2 row of the actor. */
function clear(tx: Transaction, id: ActorId): void {
  for (const range of allRanges(id)) {
    tx.clearRange(range);
  }
}

function makeStager(id: ActorId, spec: ImageSpec): Stager {
  switch (spec.layout) {
    case "delta":
      return new DeltaStager(id, spec);
    case "shards":
      return new ShardStager(id, spec);
  }
}
