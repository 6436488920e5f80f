import type { ActorId } from "../../src/formats/actor-id.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import type { Target } from "../../src/migration/targets/target.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import type { KeyValue, Store } from "../../src/store/store.ts";
import type { Bench } from "../bench.ts";
import type { Figure, Result } from "../figure.ts";
import { benchContext, benchIds, migrateOrThrow, mixedImage, writeActors } from "../fixtures.ts";
import { alternate, eachOf, secondsOf } from "../measure.ts";
import { recordedSets } from "../recorded-writes.ts";
import { type BenchTarget, onEachTarget, prepareTarget } from "../targets.ts";

const CONCURRENCY = 8;
const PAGES = 3;

/** Small actors in this process, against a transaction each that reads the same range and sets the same bytes. */
export const smallDirect: Figure = {
  name: "small-direct",
  run: (bench) => onEachTarget(bench, measure),
};

function measure(bench: Bench, { target, suffix }: BenchTarget): Promise<Result[]> {
  return bench.withStore(async (store) => {
    const perRound = bench.full ? 3_000 : 1_000;
    const groups = Array.from({ length: bench.rounds.rounds + bench.rounds.warmups }, (_, round) =>
      benchIds(perRound, round),
    );
    await writeActors(store, groups.flat(), mixedImage(PAGES));
    const migrate = (on: Store, id: ActorId): Promise<void> => migrateOrThrow(benchContext(on, { target }), id);
    const [first] = benchIds(1) as [ActorId];
    await prepareTarget(store, target, first);
    const bare = await bareTransactions(store, groups.flat(), target);
    const rate = async (round: number, one: (id: ActorId) => Promise<void>): Promise<number> =>
      perRound / (await secondsOf(() => eachOf(groups[round] ?? [], CONCURRENCY, one)));
    const { subject, baseline, ratio } = await alternate(
      {
        subject: (round) => rate(round, (id) => migrate(store, id)),
        baseline: (round) => rate(round, bare),
      },
      bench.rounds,
    );
    return [
      {
        figure: `small actors (${PAGES} pages) without the queue${suffix}`,
        baseline: "one bare transaction per actor: same range read, same bytes set",
        engine: store.engine,
        unit: "actors/s",
        subject,
        against: baseline,
        value: ratio,
        goal: { atLeast: 0.7 },
      },
    ];
  });
}

/** For each actor that is not migrated yet: a transaction that reads its range, and sets as many rows and bytes as its migration would. */
export async function bareTransactions(
  store: Store,
  ids: readonly ActorId[],
  target: Target = storageTarget,
): Promise<(id: ActorId) => Promise<void>> {
  const sets = new Map<ActorId, KeyValue[]>();
  for (const id of ids) {
    const recorded = await recordedSets(store, (recorder) => migrateOrThrow(benchContext(recorder, { target }), id));
    sets.set(id, aside(recorded));
  }
  return (id) => bareTransaction(store, id, sets.get(id) ?? []);
}

/** The same rows under keys of the same length elsewhere: setting a row anew would be cheaper, or dearer, than setting a new one. */
function aside(rows: readonly KeyValue[]): KeyValue[] {
  return rows.map(({ key, value }) => {
    const moved = Uint8Array.from(key);
    moved[0] = 0x60 + ((moved[0] ?? 0) & 0x0f);
    return { key: moved, value };
  });
}

async function bareTransaction(store: Store, id: ActorId, rows: readonly KeyValue[]): Promise<void> {
  await store.transact(async (tx) => {
    let bytes = 0;
    for await (const batch of tx.getRange(v1Range(id))) {
      for (const row of batch) {
        bytes += row.value.length;
      }
    }
    if (bytes === 0) {
      throw new Error("the actor of the baseline has no rows");
    }
    for (const { key, value } of rows) {
      tx.set(key, value);
    }
  });
}
