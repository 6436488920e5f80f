import { loadFdbBinding, type FdbHandle } from "../../src/store/fdb/fdb-binding.ts";

/** Where FoundationDB keeps that its database is locked: ten bytes, in place of a versionstamp, and sixteen of an id. */
const LOCK_KEY = Buffer.from("\xff/dbLocked", "latin1");
const LOCK = Buffer.alloc(26, 1);

/**
 * Locks a cluster while something goes on, as `lock` of fdbcli does, or a switch to another data centre: whoever reads or writes
 * meanwhile gets error 1038.
 */
export async function whileLocked(clusterFile: string, goOn: () => Promise<void>): Promise<void> {
  const database = loadFdbBinding().open(clusterFile);
  const write = async (change: (transaction: FdbHandle) => void): Promise<void> => {
    const options = { timeout: 10_000, auto_throttle_tag: "test", access_system_keys: true, lock_aware: true };
    const transaction = database.rawCreateTransaction(options);
    change(transaction);
    await transaction.rawCommit();
  };
  try {
    await write((transaction) => {
      transaction.set(LOCK_KEY, LOCK);
    });
    try {
      await goOn();
    } finally {
      await write((transaction) => {
        transaction.clear(LOCK_KEY);
      });
    }
  } finally {
    database.close();
  }
}
