import { UsageError } from "../../errors.ts";
import { prefixRange } from "../../formats/bytes.ts";
import { DEPOT_RANGE } from "../../formats/depot-keys.ts";
import { V2_SUBSPACE } from "../../formats/v2-keys.ts";
import { hasRows } from "../../store/read-rows.ts";
import type { Store, Transaction } from "../../store/store.ts";

/** What can be asked for: a form of v2, or the one that the cluster's engine uses. */
export const TARGET_CHOICES = ["storage", "depot", "auto"] as const;
export type TargetChoice = (typeof TARGET_CHOICES)[number];
export type TargetName = Exclude<TargetChoice, "auto">;

/** Whether the cluster has any row of Depot: its engine reads that form then, or is about to. */
export async function holdsDepot(tx: Transaction): Promise<boolean> {
  return hasRows(tx, DEPOT_RANGE, { snapshot: true });
}

/**
 * The form of v2 to write. `auto` takes the one that has rows in the cluster: the engine writes only one of them.
 * Ask once, and use the answer for all of a campaign.
 * @param choice undefined where nobody has said anything: `storage`, but not in a cluster that holds Depot.
 * @throws UsageError when `auto` finds rows of both forms, or of neither; when nothing was said and there are rows of Depot.
 */
export async function chooseTarget(store: Store, choice: TargetChoice | undefined): Promise<TargetName> {
  if (choice === "storage" || choice === "depot") {
    return choice;
  }
  const { depot, storage } = await store.transact(
    async (tx) => ({
      depot: await holdsDepot(tx),
      storage: await hasRows(tx, prefixRange(V2_SUBSPACE), { snapshot: true }),
    }),
    { label: "choose_target" },
  );
  if (choice === undefined) {
    if (depot) {
      throw new UsageError(
        "The cluster holds rows of Depot, and nobody has said which form of v2 is meant: say --target depot, or --target storage.",
      );
    }
    return "storage";
  }
  if (depot === storage) {
    throw new UsageError(
      depot
        ? "The cluster holds rows of both forms of v2, Depot and sqlite-storage: say which one its engine reads, with --target depot or --target storage."
        : "The cluster holds no rows of either form of v2, so its engine's cannot be told: say --target depot for engines from 2.3.0 on, --target storage for older ones.",
    );
  }
  return depot ? "depot" : "storage";
}
