import { formatByteSize } from "../../config/byte-size.ts";
import type { DbHead } from "../../formats/db-head.ts";
import type { Outcome } from "../../migration/outcome.ts";
import type { ActorInspection } from "./actor-inspection.ts";
import type { V1Inspection } from "./v1-inspection.ts";

/** An inspection for people: a line per fact, a blank line between its parts. */
export function describeInspection(found: ActorInspection): string {
  return [
    [
      field("actor", found.actorId),
      field("label", String(found.label)),
      field("life", found.asleep ? `asleep${found.sleptAt === undefined ? "" : ` since ${found.sleptAt}`}` : "awake"),
    ],
    v1Lines(found.v1),
    v2Lines(found.v2),
    leaseLines(found.lease),
    outcomeLines(found.outcome, found.history),
  ]
    .map((lines) => lines.join("\n"))
    .join("\n\n");
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

function v2Lines(v2: ActorInspection["v2"]): string[] {
  if (v2 === undefined) {
    return [field("v2", "no data")];
  }
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
  return [field("lease", `until ${lease.expiresAt}, staging ${lease.image}, token ${lease.token}`)];
}

function outcomeLines(outcome: Outcome | undefined, history: readonly Outcome[]): string[] {
  if (outcome === undefined) {
    return [field("outcome", "none recorded")];
  }
  return [
    field("outcome", describeOutcome(outcome)),
    ...(outcome.detail === undefined ? [] : [field("detail", outcome.detail)]),
    ...(outcome.sha256 === undefined ? [] : [field("sha256", outcome.sha256)]),
    ...history.toReversed().map((older) => field("before", describeOutcome(older))),
  ];
}

function describeOutcome(outcome: Outcome): string {
  const reason = outcome.reason === undefined ? "" : ` ${outcome.reason}`;
  const campaign = outcome.campaign === undefined ? "" : `, campaign ${outcome.campaign}`;
  return `${outcome.state}${reason} at ${outcome.finishedAt}, attempt ${outcome.attempts}${campaign}`;
}

function field(name: string, value: string): string {
  return `${name.padEnd(11)} ${value}`;
}
