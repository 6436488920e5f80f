import { randomBytes } from "node:crypto";
import type { ActorId } from "../src/formats/actor-id.ts";
import { parseNamespaceId } from "../src/formats/namespace-id.ts";
import { makeDepotTarget } from "../src/migration/targets/depot/depot-target.ts";
import { storageTarget } from "../src/migration/targets/storage/storage-target.ts";
import type { Target } from "../src/migration/targets/target.ts";
import type { Store } from "../src/store/store.ts";
import type { Bench } from "./bench.ts";
import type { Result } from "./figure.ts";

/** Where actors of the benchmark are in Depot: no engine knows them, so they have no namespace of their own. */
const NAMESPACE = parseNamespaceId("5jxlv5boumuljx2d2nvyat0o2edl00");

/** The forms of v2, each with what a figure's name says of it: nothing of the one that the goals were set for. */
const BENCH_TARGETS: readonly { readonly target: Target; readonly suffix: string }[] = [
  { target: storageTarget, suffix: "" },
  { target: makeDepotTarget({ now: Date.now, namespace: NAMESPACE }), suffix: ", target depot" },
];

export type BenchTarget = (typeof BENCH_TARGETS)[number];

/** Measures one thing with each of them. */
export async function onEachTarget(
  bench: Bench,
  measure: (bench: Bench, target: BenchTarget) => Promise<Result[]>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (const target of BENCH_TARGETS) {
    results.push(...(await measure(bench, target)));
  }
  return results;
}

/** Makes what actors of a target share, so that the first of them is not slower than the others. */
export async function prepareTarget(store: Store, target: Target, id: ActorId): Promise<void> {
  await store.transact(async (tx) => {
    if ((await target.readState(tx, id)).kind === "unprepared") {
      await target.prepare(tx, id, { random: randomBytes(16), nowMs: Date.now() });
    }
  });
}
