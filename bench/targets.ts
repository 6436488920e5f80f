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
const NAMESPACE_ID = "5jxlv5boumuljx2d2nvyat0o2edl00";
const NAMESPACE = parseNamespaceId(NAMESPACE_ID);

/** A form of v2, with what a figure's name says of it, which is nothing of the one that the goals were set for, and how a worker is told. */
export interface BenchTarget {
  readonly target: Target;
  readonly suffix: string;
  readonly settings: Readonly<Record<string, string>>;
}

const BENCH_TARGETS: readonly BenchTarget[] = [
  { target: storageTarget, suffix: "", settings: { FERRY_TARGET: "storage" } },
  {
    target: makeDepotTarget({ now: Date.now, namespace: NAMESPACE }),
    suffix: ", target depot",
    settings: { FERRY_TARGET: "depot", FERRY_NAMESPACE: NAMESPACE_ID },
  },
];

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
