import type { Store } from "../../store/store.ts";
import { STATUS_LABEL, type ClusterVerdict } from "./load-governor.ts";

/*
 * FoundationDB's own opinion of its load: `cluster.qos` of \xff\xff/status/json (its manual, "Machine-readable status").
 * The operators' alert on storage queues is at 500 MB; the rate keeper acts at about 900 MB.
 */

const STATUS_KEY = new Uint8Array(Buffer.from("\xff\xff/status/json", "latin1"));
const SLOW_QUEUE_BYTES = 500e6;
const SEVERE_QUEUE_BYTES = 900e6;
/** Five seconds are normal: what is kept in memory for reads at older versions. */
const SLOW_LAG_SECONDS = 30;
const SEVERE_LAG_SECONDS = 120;

/** The cluster's verdict, or undefined where the engine has none or does not say. */
export async function readClusterVerdict(store: Store): Promise<ClusterVerdict | undefined> {
  if (store.engine !== "fdb") {
    return undefined;
  }
  const status = await store.transact(async (tx) => tx.get(STATUS_KEY, { snapshot: true }), {
    label: STATUS_LABEL,
    // Where what has batch priority is held back, this is what is to be heard.
    priority: "default",
    maxAttempts: 2,
    timeoutMs: 5_000,
  });
  return status === undefined ? undefined : verdictOf(JSON.parse(Buffer.from(status).toString("utf8")));
}

interface Qos {
  readonly performance_limited_by?: { readonly name?: string };
  readonly batch_performance_limited_by?: { readonly name?: string };
  readonly worst_queue_bytes_storage_server?: number;
  readonly worst_durability_lag_storage_server?: { readonly seconds?: number };
}

/** Judges a status document; what it does not hold counts as calm. */
export function verdictOf(status: unknown): ClusterVerdict {
  const { qos = {} } = (status as { cluster?: { qos?: Qos } }).cluster ?? {};
  const queueBytes = qos.worst_queue_bytes_storage_server ?? 0;
  const lagSeconds = qos.worst_durability_lag_storage_server?.seconds ?? 0;
  const findings: ClusterVerdict[] = [
    limitedBy(qos.performance_limited_by, "severe"),
    limitedBy(qos.batch_performance_limited_by, "slow"),
    above(queueBytes, [SLOW_QUEUE_BYTES, SEVERE_QUEUE_BYTES], `a storage queue of ${Math.round(queueBytes / 1e6)} MB`),
    above(lagSeconds, [SLOW_LAG_SECONDS, SEVERE_LAG_SECONDS], `a durability lag of ${Math.round(lagSeconds)} s`),
  ];
  return (
    findings.find(({ level }) => level === "severe") ??
    findings.find(({ level }) => level === "slow") ?? { level: "calm" }
  );
}

function limitedBy(limit: Qos["performance_limited_by"], level: "slow" | "severe"): ClusterVerdict {
  const name = limit?.name ?? "workload";
  return name === "workload" ? { level: "calm" } : { level, because: `the cluster is limited by ${name}` };
}

function above(value: number, [slow, severe]: readonly [number, number], because: string): ClusterVerdict {
  if (value <= slow) {
    return { level: "calm" };
  }
  return { level: value > severe ? "severe" : "slow", because };
}
