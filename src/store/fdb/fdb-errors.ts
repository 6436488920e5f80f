import { FerryError, InvariantError } from "../../errors.ts";
import { StoreError, type StoreErrorKind } from "../errors.ts";

type FdbErrorKind = Exclude<StoreErrorKind, "read_only" | "disk_full" | "closed">;

/** FoundationDB's error codes as kinds of the store's; see "Error Codes" in its manual. */
const KINDS: ReadonlyMap<number, FdbErrorKind> = new Map([
  [1004, "timed_out"], // timed_out
  [1007, "too_old"], // transaction_too_old
  [1009, "throttled"], // future_version: the storage servers lag behind
  [1020, "conflict"], // not_committed
  [1021, "commit_unknown"], // commit_unknown_result
  [1031, "timed_out"], // transaction_timed_out
  [1037, "throttled"], // process_behind
  [1039, "commit_unknown"], // cluster_version_changed
  [1042, "throttled"], // commit_proxy_memory_limit_exceeded
  [1051, "throttled"], // batch_transaction_throttled
  [1078, "throttled"], // grv_proxy_memory_limit_exceeded
  [1213, "throttled"], // tag_throttled
  [1235, "throttled"], // transaction_throttled_hot_shard
  [2101, "too_large"], // transaction_too_large
  [2102, "key_too_large"], // key_too_large
  [2103, "value_too_large"], // value_too_large
]);

/** Codes that only a mistake in a transaction's body can cause. */
const MISUSE: ReadonlySet<number> = new Set([
  1036, // accessed_unreadable: a versionstamp of the transaction itself
  2000, // client_invalid_operation
  2004, // key_outside_legal_range
  2005, // inverted_range
  2017, // used_during_commit
]);

const MESSAGES: Readonly<Record<FdbErrorKind, string>> = {
  conflict: "another transaction changed what this one read",
  commit_unknown: "FoundationDB cannot tell whether a transaction committed",
  too_old: "a transaction took longer than the store remembers commits",
  timed_out: "a transaction did not commit within its attempts and its time",
  too_large: "a transaction affects more bytes than the store takes at once",
  key_too_large: "a key is larger than the store takes",
  value_too_large: "a value is larger than the store takes",
  throttled: "FoundationDB asked to slow down",
  unavailable: "FoundationDB failed",
};

/** An error of the binding as one of the store's; errors that are Ferry's own already, and others, stay as they are. */
export function toFdbStoreError(error: unknown): unknown {
  if (error instanceof FerryError || !isFdbError(error)) {
    return error;
  }
  const options = { details: { fdbCode: error.code }, cause: error };
  if (MISUSE.has(error.code)) {
    return new InvariantError("a transaction asked FoundationDB for something it forbids", options);
  }
  const kind = KINDS.get(error.code) ?? "unavailable";
  return new StoreError(kind, error.code === 1038 ? "the FoundationDB database is locked" : MESSAGES[kind], options);
}

/** The binding's errors are the only ones with a number for a code. */
function isFdbError(error: unknown): error is Error & { readonly code: number } {
  return error instanceof Error && "code" in error && typeof error.code === "number";
}
