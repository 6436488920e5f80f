import type { TransactionObserver } from "../store/store.ts";
import type { Metrics } from "./metrics.ts";

/** Counts every transaction attempt of a store. */
export function storeMeter(metrics: Metrics): TransactionObserver {
  return (report) => {
    metrics.transactions.inc({ label: report.label, result: report.result });
    if (report.result === "committed") {
      metrics.commitDuration.observe(report.commitMs / 1000);
    }
  };
}
