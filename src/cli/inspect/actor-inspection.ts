import { decodeJson } from "../../campaign/json-row.ts";
import { ledger, readHistory } from "../../campaign/ledger/ledger.ts";
import { timestampText } from "../../campaign/row-texts.ts";
import { actorLabel, type ActorId } from "../../formats/actor-id.ts";
import { toHex, viewOf } from "../../formats/bytes.ts";
import { cleanupKey, type CleanupRecord } from "../../migration/cleanup-actor.ts";
import { readActorState } from "../../migration/read-actor-state.ts";
import { readLease, type HeldLease } from "../../migration/lease.ts";
import type { Outcome } from "../../migration/outcome.ts";
import { storeRows } from "../../migration/rows.ts";
import { inspectDepot, type DepotInspection } from "../../migration/targets/depot/depot-inspection.ts";
import type { DepotOptions } from "../../migration/targets/depot/depot-options.ts";
import { inspectStorage, type StorageInspection } from "../../migration/targets/storage/storage-inspection.ts";
import type { Store } from "../../store/store.ts";
import { inspectV1, type V1Inspection } from "./v1-inspection.ts";

/** Everything the store says of one actor; read over several transactions, so not one moment of it. */
export interface ActorInspection {
  readonly actorId: ActorId;
  /** The datacenter. */
  readonly label: number;
  readonly asleep: boolean;
  /** Whether the engine has destroyed it; absent when not. */
  readonly destroyed?: true;
  /** When it went to sleep, RFC 3339; absent when the engine has not recorded it. */
  readonly sleptAt?: string;
  readonly v1?: V1Inspection;
  /** Who last removed its v1 rows, and when; v1 may have come back since. */
  readonly cleanup?: CleanupRecord;
  readonly v2?: StorageInspection;
  readonly depot?: DepotInspection;
  readonly lease?: LeaseInspection | string;
  readonly outcome?: Outcome;
  /** Outcomes before that one, oldest first. */
  readonly history: readonly Outcome[];
}

export interface LeaseInspection {
  /** The attempt's random token in hex. */
  readonly token: string;
  /** What is being staged, and how. */
  readonly image: string;
  readonly expiresAt: string;
  /** The worker gave the actor up to the next attempt, with what it had staged. */
  readonly handedBack?: true;
}

/** Reads all that is known of an actor, in both forms of v2. @param options of the Depot target */
export async function inspectActor(
  store: Store,
  id: ActorId,
  options: DepotOptions,
  signal: AbortSignal,
): Promise<ActorInspection> {
  const rows = storeRows(store, signal);
  const { actor, lease, outcome, cleanup } = await store.transact(
    async (tx) => ({
      actor: await readActorState(tx, id),
      lease: await readLease(tx, id),
      outcome: await ledger.read(tx, id),
      cleanup: await tx.get(cleanupKey(id)),
    }),
    { label: "inspect", signal },
  );
  const [v1, v2] = [await inspectV1(rows, id), await inspectStorage(rows, id)];
  const depot = await inspectDepot(store, id, { options, stage: lease?.lease?.head }, signal);
  return {
    actorId: id,
    label: actorLabel(id),
    asleep: actor.asleep,
    ...(actor.destroyed ? { destroyed: true } : {}),
    ...(actor.sleepTs?.length === 8 ? { sleptAt: timestampText(Number(viewOf(actor.sleepTs).getBigInt64(0))) } : {}),
    ...(v1 === undefined ? {} : { v1 }),
    ...(cleanup === undefined ? {} : { cleanup: decodeJson(cleanup) as CleanupRecord }),
    ...(v2 === undefined ? {} : { v2 }),
    ...(depot === undefined ? {} : { depot }),
    ...(lease === undefined ? {} : { lease: leaseFacts(lease) }),
    ...(outcome === undefined ? {} : { outcome }),
    history: await readHistory(store, id),
  };
}

function leaseFacts({ lease, expiresAtMs }: HeldLease): LeaseInspection | string {
  if (lease === undefined) {
    return `A lease that this version cannot read, until ${timestampText(expiresAtMs)}`;
  }
  const handedBack = expiresAtMs === 0 ? { handedBack: true as const } : {};
  return { token: toHex(lease.token), image: lease.image, expiresAt: timestampText(expiresAtMs), ...handedBack };
}
