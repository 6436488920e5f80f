import { formatByteSize } from "../../config/byte-size.ts";
import type { DbHead } from "../../formats/db-head.ts";
import type { CleanupRecord } from "../../migration/cleanup-actor.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { StorageInspection } from "../../migration/targets/storage/storage-inspection.ts";
import { outcomeText } from "../outcome-line.ts";
import type { ActorInspection } from "./actor-inspection.ts";
import { depotLines } from "./depot-lines.ts";
import { field } from "./field.ts";
import type { V1Inspection } from "./v1-inspection.ts";

/** An inspection for people: a line per fact, a blank line between its parts. */
export function describeInspection(found: ActorInspection): string {
  return [
    [field("actor", found.actorId), field("label", String(found.label)), field("life", lifeText(found))],
    [...v1Lines(found.v1), ...cleanupLines(found.cleanup)],
    ...v2Parts(found),
    leaseLines(found.lease),
    outcomeLines(found.outcome, found.history),
  ]
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

function lifeText({ asleep, destroyed, sleptAt }: ActorInspection): string {
  if (destroyed === true) {
    return "destroyed";
  }
  return asleep ? `asleep${sleptAt === undefined ? "" : ` since ${sleptAt}`}` : "awake";
}

function v1Lines(v1: V1Inspection | undefined): string[] {
  if (v1 === undefined) {
    return [field("v1", "no data")];
  }
  const files = Object.entries(v1).map(([name, file]) => {
    const size = typeof file.bytes === "number" ? `${formatByteSize(file.bytes)} (${file.bytes} bytes)` : file.bytes;
    const expected = file.expectedChunks === undefined ? "" : ` of ${file.expectedChunks}`;
    return field(`v1 ${name}`, `${size}, ${file.chunks}${expected} chunks`);
  });
  return files.length === 0 ? [field("v1", "rows of no known form")] : files;
}

function cleanupLines(cleanup: CleanupRecord | undefined): string[] {
  if (cleanup === undefined) {
    return [];
  }
  const { at, who, reason } = cleanup;
  return [field("v1", `cleaned up at ${at} by ${who}${reason === undefined ? "" : `: ${reason}`}`)];
}

/** Both forms of v2 where there are both. */
function v2Parts({ v2, depot }: ActorInspection): string[][] {
  const parts = [...(v2 === undefined ? [] : [storageLines(v2)]), ...(depot === undefined ? [] : [depotLines(depot)])];
  return parts.length === 0 ? [[field("v2", "no data")]] : parts;
}

function storageLines(v2: StorageInspection): string[] {
  return [
    field("v2 layout", v2.layout),
    field("v2 rows", `${v2.rows.delta} DELTA, ${v2.rows.pidx} PIDX, ${v2.rows.shard} SHARD`),
    ...(typeof v2.head === "string" ? [field("v2 META", v2.head)] : headLines(v2.head)),
  ];
}

function headLines(head: DbHead): string[] {
  return [
    field("v2 origin", head.origin),
    field("v2 size", `${head.dbSizePages} pages, ${formatByteSize(head.dbSizePages * 4096)}`),
    field("v2 txids", `head ${head.headTxid}, next ${head.nextTxid}, materialized ${head.materializedTxid}`),
    field("v2 storage", `${head.storageUsedBytes} of ${head.maxStorageBytes} bytes`),
    field("v2 created", `${new Date(Number(head.creationTsMs)).toISOString()}, generation ${head.generation}`),
  ];
}

function leaseLines(lease: ActorInspection["lease"]): string[] {
  if (lease === undefined || typeof lease === "string") {
    return [field("lease", lease ?? "none")];
  }
  const until = lease.handedBack === true ? "handed back" : `until ${lease.expiresAt}`;
  return [field("lease", `${until}, staging ${lease.image}, token ${lease.token}`)];
}

function outcomeLines(outcome: Outcome | undefined, history: readonly Outcome[]): string[] {
  if (outcome === undefined) {
    return [field("outcome", "none recorded")];
  }
  return [
    field("outcome", outcomeText(outcome)),
    ...(outcome.detail === undefined ? [] : [field("detail", outcome.detail)]),
    ...(outcome.sha256 === undefined ? [] : [field("sha256", outcome.sha256)]),
    ...history.toReversed().map((older) => field("before", outcomeText(older))),
  ];
}
