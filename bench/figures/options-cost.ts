import type { ActorId } from "../../src/formats/actor-id.ts";
import { PAGE_BYTES } from "../../src/formats/sqlite-header.ts";
import type { MigrationOptions } from "../../src/migration/context.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import type { Store } from "../../src/store/store.ts";
import { sqliteImageOfPages } from "../../test/support/v1-actors-sqlite.ts";
import type { Bench } from "../bench.ts";
import type { Figure, Result } from "../figure.ts";
import { benchContext, benchIds, migrateOrThrow, unmigrate, writeActors } from "../fixtures.ts";
import { alternate, eachOf, secondsOf } from "../measure.ts";

const CONCURRENCY = 8;
const MIB = 1024 * 1024;

/** What two options cost: seconds with the option through seconds without it. */
export const optionsCost: Figure = {
  name: "options",
  run: (bench) =>
    bench.withStore(async (store) => {
      const checker = new IntegrityChecker({ workers: 2 });
      try {
        const few = bench.full ? 1_000 : 200;
        const mebibytes = bench.full ? 64 : 16;
        const small = benchIds(few);
        const large = benchIds(1, 1);
        await writeActors(store, small, sqliteImageOfPages(3));
        await writeActors(store, large, sqliteImageOfPages((mebibytes * MIB) / PAGE_BYTES));
        const results: Result[] = [];
        for (const [what, ids] of [
          ["small actors (3 pages)", small],
          [`a large actor (${mebibytes} MiB)`, large],
        ] as const) {
          results.push(
            await cost(bench, store, checker, {
              figure: `--verify on, ${what}`,
              baseline: "--verify off",
              ids,
              on: { verify: true },
              off: { verify: false },
            }),
            await cost(bench, store, checker, {
              figure: `--check quick, ${what}`,
              baseline: "--check header",
              ids,
              on: { check: "quick" },
              off: { check: "header" },
            }),
          );
        }
        return results;
      } finally {
        await checker.close();
      }
    }),
};

async function cost(
  bench: Bench,
  store: Store,
  checker: IntegrityChecker,
  what: {
    figure: string;
    baseline: string;
    ids: readonly ActorId[];
    on: Partial<MigrationOptions>;
    off: Partial<MigrationOptions>;
  },
): Promise<Result> {
  const context = benchContext(store, {
    checkIntegrity: (image, mode, signal) => checker.check(image, mode, signal),
  });
  const side = (options: Partial<MigrationOptions>) => async (): Promise<number> => {
    await eachOf(what.ids, CONCURRENCY, (id) => unmigrate(store, id));
    return secondsOf(() => eachOf(what.ids, CONCURRENCY, (id) => migrateOrThrow(context, id, options)));
  };
  const { subject, baseline, ratio } = await alternate(
    { subject: side(what.on), baseline: side(what.off) },
    bench.rounds,
  );
  const { figure } = what;
  return { figure, baseline: what.baseline, engine: store.engine, unit: "s", subject, against: baseline, value: ratio };
}
