import type { TransactionReport } from "../../src/store/store.ts";
import type { Figure, Result } from "../figure.ts";
import { benchContext, benchIds, migrateOrThrow, mixedImage, writeActors } from "../fixtures.ts";
import { eachOf, spreadOf } from "../measure.ts";

/** Counted, not timed: what the store itself reports of the attempts made for small actors. */
export const transactions: Figure = {
  name: "transactions",
  async run(bench) {
    const reports: TransactionReport[] = [];
    const observer = (report: TransactionReport): void => {
      reports.push(report);
    };
    return bench.withStore(
      async (store) => {
        const ids = benchIds(200);
        await writeActors(store, ids, mixedImage(3));
        reports.length = 0;
        await eachOf(ids, 8, (id) => migrateOrThrow(benchContext(store), id));
        const per = (results: readonly TransactionReport["result"][], other = false): number =>
          reports.filter(({ result }) => results.includes(result) !== other).length / ids.length;
        const line = (what: string, count: number, goal: number): Result => ({
          figure: `transactions per small actor that ${what}`,
          baseline: "–",
          engine: store.engine,
          unit: "per actor",
          subject: spreadOf([count]),
          value: spreadOf([count]),
          valueUnit: "per actor",
          goal: { atMost: goal },
        });
        return [
          line("write", per(["committed"]), 1),
          line("only read", per(["read_only"]), 0),
          line("failed or conflicted", per(["committed", "read_only"], true), 0),
        ];
      },
      { observer },
    );
  },
};
