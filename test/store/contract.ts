import type { MakeStore } from "../support/stores.ts";
import { describeConflicts } from "./contract/conflicts.ts";
import { describeLifecycle } from "./contract/lifecycle.ts";
import { describeLimits } from "./contract/limits.ts";
import { describeModel } from "./contract/model.ts";
import { describeOwnWrites } from "./contract/own-writes.ts";
import { describeReads } from "./contract/reads.ts";
import { describeVersionstamps } from "./contract/versionstamps.ts";

/** What every engine behind `Store` does, as FoundationDB does it. */
export function describeStoreContract(makeStore: MakeStore): void {
  describeReads(makeStore);
  describeOwnWrites(makeStore);
  describeConflicts(makeStore);
  describeVersionstamps(makeStore);
  describeLimits(makeStore);
  describeLifecycle(makeStore);
  describeModel(makeStore);
}
