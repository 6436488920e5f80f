import { prefixRange, u64be } from "../../src/formats/bytes.ts";
import { pageKey, pagesPrefix } from "../../src/formats/depot-keys.ts";
import { txidOfPage } from "../../src/migration/targets/depot/depot-layout.ts";
import { MAX_PAGES } from "../../src/migration/targets/depot/depot-options.ts";
import type { KeyValue, Store } from "../../src/store/store.ts";
import type { Bench } from "../bench.ts";
import type { Figure, Result } from "../figure.ts";
import { writeRows } from "../fixtures.ts";
import { secondsOf, spreadOf } from "../measure.ts";

/** What a transaction may take. */
const GOAL_MS = 5_000;
const BRANCH = new Uint8Array(16).fill(0x22);

/** What a reader of Depot does when it first opens a database: every PIDX row in one transaction. The limit of pages follows from it. */
export const depotFirstRead: Figure = {
  name: "depot-first-read",
  async run(bench) {
    const results: Result[] = [];
    for (const pages of bench.full ? [32_768, MAX_PAGES] : [32_768]) {
      results.push(await measure(bench, pages));
    }
    return results;
  },
};

function measure(bench: Bench, pages: number): Promise<Result> {
  return bench.withStore(async (store) => {
    await writeRows(store, pidxRows(pages));
    const times: number[] = [];
    for (let round = 0; round < bench.rounds.warmups + bench.rounds.rounds; round += 1) {
      const ms = 1000 * (await secondsOf(() => scan(store, pages)));
      if (round >= bench.rounds.warmups) {
        times.push(ms);
      }
    }
    return {
      figure: `first read of a Depot database of ${pages} pages`,
      baseline: "–",
      engine: store.engine,
      unit: "ms",
      subject: spreadOf(times),
      value: spreadOf(times),
      valueUnit: "ms",
      ...(pages === MAX_PAGES ? { goal: { atMost: GOAL_MS } } : { note: `${MAX_PAGES}, the limit, with --full` }),
    };
  });
}

function* pidxRows(pages: number): Generator<KeyValue, void, undefined> {
  for (let pgno = 1; pgno <= pages; pgno += 1) {
    yield { key: pageKey(BRANCH, pgno), value: u64be(BigInt(txidOfPage(pgno))) };
  }
}

async function scan(store: Store, pages: number): Promise<void> {
  await store.transact(async (tx) => {
    let rows = 0;
    for await (const batch of tx.getRange(prefixRange(pagesPrefix(BRANCH)), { snapshot: true })) {
      rows += batch.length;
    }
    if (rows !== pages) {
      throw new Error(`a reader found ${rows} of ${pages} rows`);
    }
  });
}
