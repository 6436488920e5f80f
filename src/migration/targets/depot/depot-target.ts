import type { ActorId } from "../../../formats/actor-id.ts";
import { InvariantError } from "../../../errors.ts";
import { equalBytes } from "../../../formats/bytes.ts";
import { headKey } from "../../../formats/depot-keys.ts";
import { FormatError } from "../../../formats/format-error.ts";
import type { KeyValue, Transaction } from "../../../store/store.ts";
import type { Verdict } from "../../outcome.ts";
import type { BlockBatch } from "../../pages.ts";
import type { ImageRows, Rows } from "../../rows.ts";
import { rejectionOf } from "../../verdict.ts";
import { v1Range } from "../../v1/v1-keys.ts";
import type {
  ImageOutline,
  ImageSpec,
  ReadOptions,
  StagedImage,
  StagedSpec,
  Stager,
  Target,
  UndoRefusal,
  V2State,
} from "../target.ts";
import { reasonNotToAdmit } from "./depot-admission.ts";
import { createBucket } from "./depot-bucket.ts";
import { writeCommits, writeMeta, type DepotImage } from "./depot-commits.ts";
import { assertDepotHeader } from "./depot-header.ts";
import { assertHistory } from "./depot-history.ts";
import { depotImageKey, isOfBranch, readImageRow } from "./depot-image-row.ts";
import { txidsOf } from "./depot-layout.ts";
import type { DepotOptions } from "./depot-options.ts";
import { readBranchBlocks } from "./depot-reader.ts";
import { sealStage } from "./depot-seal.ts";
import {
  clearStagedBranch,
  decodeDepotStage,
  encodeDepotStage,
  isUnseen,
  newDepotStage,
  type DepotStage,
} from "./depot-stage.ts";
import { DepotStager } from "./depot-stager.ts";
import { bucketBranchOf, readDepotState, readPlace } from "./depot-state.ts";
import { readSealedStamp, writePointer } from "./depot-switch.ts";
import { isUntouched, reasonNotToUndo, undoSwitch } from "./depot-undo.ts";
import { findBranch } from "./find-branch.ts";

/**
 * v2 as released engines read it: Depot. An image is built under a branch id that nothing points to, and the actor's pointer, set
 * in one fenced transaction, makes it the actor's: DEPOT §7.
 */
export function makeDepotTarget(options: DepotOptions): Target {
  return new DepotTarget(options);
}

class DepotTarget implements Target {
  readonly name = "depot";
  readonly #options: DepotOptions;

  constructor(options: DepotOptions) {
    this.#options = { neighbour: {}, ...options };
  }

  async readState(tx: Transaction, id: ActorId): Promise<V2State> {
    return readDepotState(tx, id, this.#options);
  }

  async prepare(tx: Transaction, id: ActorId, facts: { random: Uint8Array; nowMs: number }): Promise<void> {
    const { namespace } = await readPlace(tx, id, this.#options);
    if (namespace !== undefined) {
      await createBucket(tx, namespace, facts);
    }
  }

  /** Staging touches nothing but its own branch. */
  hasRows(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async readHead(tx: Transaction, id: ActorId): Promise<Uint8Array | undefined> {
    const found = await findBranch(tx, id, this.#options);
    return found === undefined ? undefined : tx.get(headKey(found.branch));
  }

  admit(v2: V2State, image: ImageOutline): Verdict | undefined {
    return reasonNotToAdmit(v2, image, this.#options);
  }

  assertHeader(page1: Uint8Array, pageCount: number): void {
    assertDepotHeader(page1, pageCount);
  }

  /** A txid is a shard, and every one stands for itself. */
  isResumable(): boolean {
    return true;
  }

  layoutOf(): "delta" {
    return "delta";
  }

  makeStager(_id: ActorId, spec: StagedSpec): Stager {
    return new DepotStager(stageOf(spec.stage), spec);
  }

  async *readBlocks(
    rows: ImageRows,
    id: ActorId,
    pageCount: number,
    { stage, ...options }: ReadOptions = {},
  ): AsyncGenerator<BlockBatch, void, undefined> {
    if (stage !== undefined) {
      const { branch } = stageOf(stage);
      const view = { branch, pageCount, headTxid: BigInt(txidsOf(pageCount)) };
      // A whole image's rows are verified before they are written, and its commits have no stamps yet.
      if ((await rows.get(headKey(branch))) !== undefined) {
        await assertHistory(rows, view);
      }
      yield* readBranchBlocks(rows, view, options);
      return;
    }
    const found = await findBranch(rows, id, this.#options);
    if (found === undefined) {
      throw new FormatError("page_missing", "The actor has no complete Depot database.", { pageCount });
    }
    yield* readBranchBlocks(rows, { ...found, pageCount }, options);
  }

  async readPageCount(rows: Rows, id: ActorId): Promise<number | undefined> {
    return (await findBranch(rows, id, this.#options))?.pageCount;
  }

  /** Everything in one transaction: txid 1 is written by it, so the branch's root stamp is the transaction's own. */
  writeImage(tx: Transaction, id: ActorId, image: StagedImage & { readonly rows: readonly KeyValue[] }): Promise<void> {
    const depotImage = imageOf(image);
    for (const row of image.rows) {
      tx.set(row.key, row.value);
    }
    writeCommits(tx, depotImage, 1, txidsOf(depotImage.pageCount) + 1);
    writeMeta(tx, depotImage);
    const bucketBranch = liveBucketBranch(image);
    writePointer(tx, id, { image: depotImage, bucketBranch, nowMs: image.spec.creationTsMs }, undefined);
    return Promise.resolve();
  }

  async isUntouched(tx: Transaction, id: ActorId, pageCount: number): Promise<boolean> {
    return isUntouched(tx, id, pageCount);
  }

  async beganAsFerrys(tx: Transaction, id: ActorId): Promise<boolean> {
    const found = await findBranch(tx, id, this.#options);
    return found !== undefined && isOfBranch(await readImageRow(tx, id), found.branch);
  }

  /** It is the last form that there is. */
  isSuperseded(): Promise<boolean> {
    return Promise.resolve(false);
  }

  async hadImage(tx: Transaction, id: ActorId): Promise<boolean> {
    return (await tx.get(depotImageKey(id))) !== undefined;
  }

  async reasonNotToUndo(tx: Transaction, id: ActorId): Promise<UndoRefusal | undefined> {
    return reasonNotToUndo(tx, id, this.#options);
  }

  async undo(tx: Transaction, id: ActorId): Promise<void> {
    await undoSwitch(tx, id);
  }

  newStage(spec: ImageSpec, random: Uint8Array): Uint8Array {
    return encodeDepotStage(newDepotStage(random, spec.creationTsMs));
  }

  isStage(_v2: V2State | FormatError, stage: Uint8Array): boolean {
    return decodeDepotStage(stage) !== undefined;
  }

  beginStage(): void {
    // The branch comes to be with its first row.
  }

  async holdsStage(tx: Transaction, _id: ActorId, stage: Uint8Array): Promise<boolean> {
    return isUnseen(tx, stageOf(stage));
  }

  discardStage(tx: Transaction, _id: ActorId, stage: Uint8Array): void {
    clearStagedBranch(tx, stageOf(stage));
  }

  async sealStage(
    image: StagedImage,
    write: (body: (tx: Transaction) => Promise<void>) => Promise<void>,
  ): Promise<void> {
    await sealStage(imageOf(image), write);
  }

  async reasonNotToSwitch(tx: Transaction, id: ActorId, image: StagedImage): Promise<Verdict | undefined> {
    let state: V2State;
    try {
      state = await readDepotState(tx, id, this.#options);
    } catch (error) {
      return rejectionOf(error);
    }
    // Whoever writes v1 from here on conflicts.
    tx.addReadConflictRange(v1Range(id));
    switch (state.kind) {
      case "blocked":
        return state.verdict;
      case "native":
      case "migrated":
        return { state: "skipped", reason: "already_migrated" };
      case "absent":
        // Whether it was recovered was asked when the copy began, of a state with this very basis.
        return equalBytes(state.basis, image.basis)
          ? this.admit(state, { pageCount: image.spec.pageCount, recovered: false })
          : CHANGED;
      case "unprepared":
      case "migrating":
        return CHANGED;
    }
  }

  async switchTo(tx: Transaction, id: ActorId, image: StagedImage): Promise<void> {
    const depotImage = imageOf(image);
    const rootStamp = await readSealedStamp(tx, depotImage);
    const bucketBranch = liveBucketBranch(image);
    writePointer(tx, id, { image: depotImage, bucketBranch, nowMs: this.#options.now() }, rootStamp);
  }
}

const CHANGED: Verdict = {
  state: "deferred",
  reason: "actor_awake",
  detail: "The actor's workflow, pool or bucket changed while it was being copied.",
};

function stageOf(name: Uint8Array): DepotStage {
  const stage = decodeDepotStage(name);
  if (stage === undefined) {
    throw new InvariantError("a stage of another target's was taken for one of Depot's");
  }
  return stage;
}

/** The bucket branch an actor's pointer goes under: that of the state `absent`, which this transaction has read. */
function liveBucketBranch({ basis }: StagedImage): Uint8Array {
  if (basis === undefined) {
    throw new InvariantError("a Depot image is switched to without a live bucket");
  }
  return bucketBranchOf(basis);
}

function imageOf({ spec, storageBytes }: StagedImage): DepotImage {
  return { stage: stageOf(spec.stage), pageCount: spec.pageCount, rowBytes: storageBytes };
}
