import type { ActorId } from "../../../formats/actor-id.ts";
import { prefixRange, toHex, viewOf } from "../../../formats/bytes.ts";
import { decodeDepotHead } from "../../../formats/depot-head.ts";
import {
  commitsPrefix,
  deltasPrefix,
  pagesPrefix,
  quotaKey,
  shardsPrefix,
  vtxPrefix,
} from "../../../formats/depot-keys.ts";
import { FormatError, formatErrorOf } from "../../../formats/format-error.ts";
import type { Store, Transaction } from "../../../store/store.ts";
import { storeRows, type Rows } from "../../rows.ts";
import { rejectionOf } from "../../verdict.ts";
import type { ImageOrigin, V2State } from "../target.ts";
import { readDatabase } from "./depot-database.ts";
import { isOfBranch, readImageRow } from "./depot-image-row.ts";
import type { DepotOptions } from "./depot-options.ts";
import { readPool } from "./depot-pool.ts";
import { decodeDepotStage } from "./depot-stage.ts";
import { readDepotState, readPlace, type DepotPlace } from "./depot-state.ts";
import { isUntouched } from "./depot-undo.ts";
import { rememberedBucket } from "./find-branch.ts";

/** What a person wants to see of an actor in Depot. */
export interface DepotInspection {
  /** Absent when neither the actor's row nor the options name one. */
  readonly namespace?: string;
  /** `live`, `absent`, `unknown` without a namespace, or `not live` and why. */
  readonly bucket: string;
  readonly pool?: PoolInspection;
  /** The database that the actor's pointer leads to, or the sentence that says why there is none to be read; absent without a pointer. */
  readonly database?: BranchInspection | string;
  /** A branch that an attempt builds, which nothing points to yet: hex, and what is written of it. */
  readonly stage?: { readonly branch: string; readonly rows: BranchRows };
  /** Who would win: what an attempt of Ferry's would find if it came now. */
  readonly next: string;
}

export interface PoolInspection {
  readonly name: string;
  /** PROTOCOL_VERSION: a number, else what the row holds in hex; absent while the pool's runners speak v1's. */
  readonly protocol?: number | string;
  /** When Ferry first saw it, RFC 3339. */
  readonly seenAt?: string;
}

export interface BranchInspection {
  /** The branch id, hex. */
  readonly branch: string;
  readonly headTxid: bigint;
  readonly pages: number;
  /** What the engine counts as storage used; absent without its row. */
  readonly quotaBytes?: bigint;
  readonly rows: BranchRows;
  readonly origin: ImageOrigin;
}

/** Numbers of rows by kind; a DELTA has one per 10,000 bytes. */
export type BranchRows = Readonly<Record<keyof typeof ROW_KINDS, number>>;

const ROW_KINDS = {
  delta: deltasPrefix,
  pidx: pagesPrefix,
  shard: shardsPrefix,
  commits: commitsPrefix,
  vtx: vtxPrefix,
} as const;

/** @param stage the name in the actor's lease, of whichever target. */
export interface DepotQuestion {
  readonly options: DepotOptions;
  readonly stage?: Uint8Array | undefined;
}

/**
 * Reads what Depot has of an actor, every row of its branch once, over as many transactions as it takes; undefined where nothing says
 * that Depot is in use: no bucket, no database, no stage, and a pool of v1's protocol.
 */
export async function inspectDepot(
  store: Store,
  id: ActorId,
  { options, stage }: DepotQuestion,
  signal: AbortSignal,
): Promise<DepotInspection | undefined> {
  const rows = storeRows(store, signal);
  const facts = await store.transact(async (tx) => readFacts(tx, id, options), { label: "inspect", signal });
  const staged = stage === undefined ? undefined : decodeDepotStage(stage);
  const { database, ...rest } = facts;
  if (
    database === undefined &&
    staged === undefined &&
    facts.pool?.protocol === undefined &&
    (facts.bucket === "absent" || facts.bucket === "unknown")
  ) {
    return undefined;
  }
  return {
    ...rest,
    ...(database === undefined ? {} : { database: await measured(rows, database) }),
    ...(staged === undefined
      ? {}
      : { stage: { branch: toHex(staged.branch), rows: await countRows(rows, staged.branch) } }),
  };
}

type FoundBranch = Omit<BranchInspection, "rows" | "quotaBytes" | "branch"> & { readonly branch: Uint8Array };
type Facts = Omit<DepotInspection, "database" | "stage"> & { readonly database?: FoundBranch | string };

async function readFacts(tx: Transaction, id: ActorId, options: DepotOptions): Promise<Facts> {
  const place = await readPlace(tx, id, options).catch(formatErrorOf);
  if (place instanceof FormatError) {
    return { bucket: "unknown", database: place.message, next: textOf(place) };
  }
  const { namespace } = place;
  const pool = await inspectPool(tx, place);
  const database = await findDatabase(tx, id, place);
  return {
    ...(namespace === undefined ? {} : { namespace }),
    bucket: bucketText(place),
    ...(pool === undefined ? {} : { pool }),
    ...(database === undefined ? {} : { database }),
    next: textOf(await readDepotState(tx, id, options).catch(formatErrorOf)),
  };
}

function bucketText({ bucket }: DepotPlace): string {
  return bucket?.kind === "not_live" ? `not live: ${bucket.detail}` : (bucket?.kind ?? "unknown");
}

async function inspectPool(tx: Transaction, { actor, namespace }: DepotPlace): Promise<PoolInspection | undefined> {
  if (actor.poolName === undefined || namespace === undefined) {
    return undefined;
  }
  const { protocol, seenAtMs } = await readPool(tx, namespace, actor.poolName);
  return {
    name: new TextDecoder().decode(actor.poolName),
    ...(protocol === undefined
      ? {}
      : { protocol: protocol.length === 2 ? viewOf(protocol).getUint16(0) : toHex(protocol) }),
    ...(seenAtMs === undefined ? {} : { seenAt: new Date(seenAtMs).toISOString() }),
  };
}

async function findDatabase(
  tx: Transaction,
  id: ActorId,
  { bucket }: DepotPlace,
): Promise<FoundBranch | string | undefined> {
  const bucketBranch = await (bucket === undefined
    ? rememberedBucket(tx, id)
    : bucket.kind === "absent"
      ? undefined
      : bucket.bucketBranch);
  const database = await readDatabase(tx, id, bucketBranch).catch(formatErrorOf);
  if (database instanceof FormatError) {
    return database.message;
  }
  switch (database.kind) {
    case "absent":
      return undefined;
    case "tombstone":
      return "It was deleted: its name has a tombstone.";
    case "legacy":
      return "Its head is of a Depot from before there were branches.";
    case "unfinished":
      return "The engine's own import of it is not finished: page 1, which comes last, is not there.";
    case "present":
      return database.head === undefined
        ? "It is a fork, which Ferry does not read."
        : {
            branch: database.branch,
            headTxid: database.head.headTxid,
            pages: database.head.pageCount,
            origin: await originOf(tx, id, database.branch),
          };
  }
}

async function originOf(tx: Transaction, id: ActorId, branch: Uint8Array): Promise<ImageOrigin> {
  const image = await readImageRow(tx, id);
  if (!isOfBranch(image, branch)) {
    return "other";
  }
  return (await isUntouched(tx, id, decodeDepotHead(image.head).pageCount)) ? "ferry" : "ferry_written_since";
}

async function measured(rows: Rows, database: FoundBranch | string): Promise<BranchInspection | string> {
  if (typeof database === "string") {
    return database;
  }
  const { branch } = database;
  const quota = await rows.get(quotaKey(branch));
  return {
    ...database,
    branch: toHex(branch),
    ...(quota?.length === 8 ? { quotaBytes: viewOf(quota).getBigInt64(0, true) } : {}),
    rows: await countRows(rows, branch),
  };
}

async function countRows(rows: Rows, branch: Uint8Array): Promise<BranchRows> {
  const counts = { delta: 0, pidx: 0, shard: 0, commits: 0, vtx: 0 };
  for (const kind of Object.keys(ROW_KINDS) as (keyof typeof ROW_KINDS)[]) {
    for await (const batch of rows.getRange(prefixRange(ROW_KINDS[kind](branch)))) {
      counts[kind] += batch.length;
    }
  }
  return counts;
}

/** What an actor's state means for whoever comes next. */
function textOf(state: V2State | FormatError): string {
  if (state instanceof FormatError) {
    const { reason, detail } = rejectionOf(state);
    return `rejected ${reason}: ${detail}`;
  }
  switch (state.kind) {
    case "native":
    case "migrated":
      return "the engine reads this database, whatever v1 holds";
    case "migrating":
      return "a migration is under way";
    case "blocked": {
      const { verdict } = state;
      const reason = "reason" in verdict ? ` ${verdict.reason}` : "";
      return `${verdict.state}${reason}${"detail" in verdict ? `: ${verdict.detail ?? ""}` : ""}`;
    }
    case "absent":
    case "unprepared":
      return claimText(state.engineMigratesPages);
  }
}

function claimText(engineMigratesPages: number | undefined): string {
  if (engineMigratesPages === undefined) {
    return "Ferry may migrate it";
  }
  return engineMigratesPages === Number.MAX_SAFE_INTEGER
    ? "the engine's own: its VERSION is one that Ferry does not know"
    : `the engine's own up to ${engineMigratesPages} pages; Ferry may migrate what is larger`;
}
