import { UnavailableError } from "../errors.ts";
import type { TransactorOptions } from "./retry.ts";
import type { Store } from "./store.ts";

/** Opens a FoundationDB cluster. */
export function openFdbStore(clusterFile: string, options: TransactorOptions): Promise<Store> {
  return Promise.reject(
    new UnavailableError("store_unavailable", "FoundationDB is not supported yet", {
      details: { clusterFile, priority: options.priority },
    }),
  );
}
