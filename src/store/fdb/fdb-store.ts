import { access, constants } from "node:fs/promises";
import { UnavailableError } from "../../errors.ts";
import type { BeginOptions } from "../engine.ts";
import { EngineStore } from "../engine-store.ts";
import { type FdbBinding, type FdbDatabase, type FdbTransactionOptions, loadFdbBinding } from "./fdb-binding.ts";
import { FdbTransaction } from "./fdb-transaction.ts";
import { Transactor, type TransactorOptions } from "../transactor.ts";
import type { Store } from "../store.ts";

/** Tag of Ferry's transactions, by which an operator can throttle them, and the cluster does when it is busy. */
const TRANSACTION_TAG = "ferry";
/** How long a cluster may take to answer at opening. */
const PROBE_MS = 10_000;

/**
 * Opens the FoundationDB cluster that a cluster file names, and asks it for a version, so that a cluster that does not answer
 * is an error now and not in the first transaction.
 * @throws UnavailableError
 */
export async function openFdbStore(clusterFile: string, options: TransactorOptions): Promise<Store> {
  await assertReadable(clusterFile);
  const binding = loadFdbBinding();
  const database = await connect(binding, clusterFile);
  const begin = (attempt: BeginOptions): FdbTransaction =>
    new FdbTransaction(binding, database.rawCreateTransaction(transactionOptions(attempt)));
  return new EngineStore({
    url: `fdb:${clusterFile}`,
    engine: "fdb",
    transactor: new Transactor({ begin }, options),
    release: () => {
      database.close();
      return Promise.resolve();
    },
  });
}

async function connect(binding: FdbBinding, clusterFile: string): Promise<FdbDatabase> {
  try {
    const database = binding.open(clusterFile);
    // The handle has to outlive the answer: when it is collected, what it waits for is cancelled.
    const probe = database.rawCreateTransaction({ timeout: PROBE_MS, auto_throttle_tag: TRANSACTION_TAG });
    await probe.getReadVersion();
    probe.rawReset();
    return database;
  } catch (cause) {
    throw new UnavailableError(
      "store_unavailable",
      "the FoundationDB cluster does not answer: check the cluster file, and that the cluster runs",
      { details: { clusterFile }, cause },
    );
  }
}

function transactionOptions(attempt: BeginOptions): FdbTransactionOptions {
  return {
    timeout: attempt.timeoutMs,
    auto_throttle_tag: TRANSACTION_TAG,
    ...(attempt.priority === "batch" ? { priority_batch: true as const } : {}),
  };
}

async function assertReadable(clusterFile: string): Promise<void> {
  try {
    await access(clusterFile, constants.R_OK);
  } catch (cause) {
    throw new UnavailableError("store_unavailable", "the cluster file of FoundationDB cannot be read", {
      details: { clusterFile },
      cause,
    });
  }
}
