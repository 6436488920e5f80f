import { formatByteSize } from "../../config/byte-size.ts";
import type { BranchInspection, BranchRows, DepotInspection } from "../../migration/targets/depot/depot-inspection.ts";
import { field } from "./field.ts";

/** What Depot has of an actor, for people. */
export function depotLines({ namespace, bucket, pool, database, stage, next }: DepotInspection): string[] {
  return [
    field("v2 form", "Depot"),
    field("namespace", namespace ?? "unknown"),
    field("v2 bucket", bucket),
    ...(pool === undefined ? [] : [field("pool", poolText(pool))]),
    ...databaseLines(database),
    ...(stage === undefined ? [] : [field("v2 stage", `branch ${stage.branch}, ${rowsText(stage.rows)}`)]),
    field("v2 next", next),
  ];
}

function poolText({ name, protocol, seenAt }: NonNullable<DepotInspection["pool"]>): string {
  const version = protocol === undefined ? "of v1's protocol" : `PROTOCOL_VERSION ${protocol}`;
  return `${name}, ${version}${seenAt === undefined ? "" : `, first seen ${seenAt}`}`;
}

const ORIGINS: Record<BranchInspection["origin"], string> = {
  ferry: "switched to by Ferry, not written since",
  ferry_written_since: "switched to by Ferry, written since",
  other: "not of Ferry's making",
};

function databaseLines(database: DepotInspection["database"]): string[] {
  if (database === undefined || typeof database === "string") {
    return [field("v2 database", database ?? "none")];
  }
  const { branch, headTxid, pages, quotaBytes, rows, origin } = database;
  return [
    field("v2 branch", `${branch}, ${ORIGINS[origin]}`),
    field("v2 size", `${pages} pages, ${formatByteSize(pages * 4096)}`),
    field("v2 txids", `head ${headTxid}`),
    field("v2 rows", rowsText(rows)),
    field("v2 quota", quotaBytes === undefined ? "not recorded" : `${quotaBytes} bytes used`),
  ];
}

function rowsText({ delta, pidx, shard, commits, vtx }: BranchRows): string {
  return `${delta} DELTA, ${pidx} PIDX, ${shard} SHARD, ${commits} COMMITS, ${vtx} VTX`;
}
