import { expect } from "chai";
import { compressPage } from "../../src/formats/page-codec.ts";
import { LAYOUTS, type Outcome } from "../../src/migration/outcome.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import { LIMITS, type Store, type TransactionReport } from "../../src/store/store.ts";
import { attempt as attemptOnDepot } from "../support/depot-attempt.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { attempt, loadRows, TestClock } from "../support/reference-attempt.ts";
import { referenceLtx } from "../support/reference.ts";
import { LONG } from "../support/run-options.ts";
import { clearStore, forEachEngine } from "../support/stores.ts";
import { PAGE, syntheticImage, testActor, v1Rows } from "../support/v1-actors.ts";
import { freshWorld } from "./depot/prepared.ts";

/** What no transaction of Ferry's may write more of, whatever the actor's size. */
const MAX_WRITTEN_BYTES = 2_000_000;
const ACTOR = testActor(81);

/** Migrates an actor of one image that is alone in its store. */
type Migrate = (store: Store, image: Uint8Array, smallImageBytes: number) => Promise<Outcome>;

const MIGRATIONS: Readonly<Record<string, Migrate>> = {
  ...Object.fromEntries(
    LAYOUTS.map((layout): [string, Migrate] => [
      layout,
      async (store, image, smallImageBytes) => {
        await loadRows(store, v1Rows(ACTOR, image));
        return attempt(store, ACTOR, new TestClock(), { layout, verify: false, smallImageBytes });
      },
    ]),
  ),
  depot: async (store, image, smallImageBytes) => {
    const { world, actor } = await freshWorld(store);
    await loadRows(store, v1Rows(actor, image));
    return attemptOnDepot(store, world, actor, { migration: { verify: false, smallImageBytes } });
  },
};

/** The image in one transaction where it is at most 1 MiB, and staged. */
const WAYS = [1024 * 1024, -1];

// Around what goes in one transaction, a span of reading, a shard, what fills a transaction of the stage, and the stamps of a seal.
const SIZES = LONG
  ? [0, 1, 63, 64, 191, 192, 193, 230, 242, 255, 256, 257, 258, 319, 320, 321, 512, 2_000, 16_383, 16_384, 20_000]
  : [192, 256, 257, 700];
const SIZES_ON_ENGINES = LONG ? [1, 64, 256, 257, 700, 2_000, 16_384] : [256, 700];

function expectWithinLimits(reports: readonly TransactionReport[], where: string): void {
  for (const { label, result, writtenBytes, durationMs } of reports) {
    expect(writtenBytes, `${where}, ${label}`).to.be.at.most(MAX_WRITTEN_BYTES);
    expect(["too_old", "too_large", "value_too_large"], `${where}, ${label}`).to.not.include(result);
    // What FoundationDB gives a transaction; one that outlived it would be too_old besides.
    expect(durationMs, `${where}, ${label}`).to.be.below(LIMITS.transactionMs);
  }
}

describe("no transaction writes more than 2,000,000 bytes", function () {
  this.timeout(LONG ? 600_000 : 60_000);

  for (const [target, migrate] of Object.entries(MIGRATIONS)) {
    for (const fill of ["zeros", "random"] as const) {
      it(`at ${SIZES.join(", ")} pages (${target}, ${fill})`, async () => {
        for (const pages of SIZES) {
          for (const smallImageBytes of WAYS) {
            const reports: TransactionReport[] = [];
            const store = new MemoryStore({ batchRows: 500, observer: (report) => reports.push(report) });
            const { state } = await migrate(store, syntheticImage(pages, fill, pages), smallImageBytes);
            expect(state, `${pages} pages`).to.equal("migrated");
            expectWithinLimits(reports, `${pages} pages`);
          }
        }
      });
    }

    forEachEngine((makeStore, engine) => {
      it(`nor takes 5 seconds, at ${SIZES_ON_ENGINES.join(", ")} pages (${target})`, async () => {
        for (const pages of SIZES_ON_ENGINES) {
          for (const smallImageBytes of WAYS) {
            const reports: TransactionReport[] = [];
            const store = await makeStore({ observer: (report) => reports.push(report) });
            await clearStore(store);
            const { state } = await migrate(store, syntheticImage(pages, "random", pages), smallImageBytes);
            expect(state, `${pages} pages`).to.equal("migrated");
            const own = reports.filter(({ label }) => label !== "other");
            expect(own.length, "observed transactions").to.be.above(0);
            expectWithinLimits(own, `${pages} pages on ${engine}`);
          }
        }
      });
    });
  }

  it("at 20,000 pages of zeros, where PIDX rows and page index are most of it (delta)", async () => {
    const reports: TransactionReport[] = [];
    const store = new MemoryStore({ batchRows: 500, observer: (report) => reports.push(report) });
    await MIGRATIONS["delta"]?.(store, syntheticImage(20_000, "zeros"), -1);
    const own = reports.filter(({ label }) => label !== "other");
    expectWithinLimits(own, "20,000 pages");
    expect(Math.max(...own.map(({ writtenBytes }) => writtenBytes))).to.be.at.least(700_000);
  });

  it("at a page index of 2.3 MB, which comes all at the end (delta)", function () {
    this.timeout(120_000);
    const pageCount = 260_000;
    const block = compressPage(new Uint8Array(PAGE));
    const stager = storageTarget.makeStager(ACTOR.id, {
      layout: "delta",
      pageCount,
      creationTsMs: 1,
      stage: new Uint8Array(0),
    });
    const blob: Uint8Array[] = [];
    let largestBytes = 0;
    let storageBytes = 0;
    const taken = ({ rows: staged, storageBytes: added }: ReturnType<typeof stager.take>): void => {
      const rows = [...staged];
      largestBytes = Math.max(
        largestBytes,
        rows.reduce((sum, { key, value }) => sum + 3 * key.length + value.length + 69, 0),
      );
      storageBytes += added;
      // Pieces carry the mark 03 after the subspace's 19 bytes, PIDX rows are short; what is left is an unsplit chunk.
      blob.push(
        ...rows
          .filter(({ key, value }) => key[19] === 3 || value.length > 9)
          .map(({ key, value }) => (key[19] === 3 ? value : value.subarray(1))),
      );
    };
    for (let pgno = 1; pgno <= pageCount; pgno += 1) {
      stager.add(pgno, block);
      if (stager.ready) {
        taken(stager.take());
      }
    }
    taken(stager.finish());
    while (stager.ready) {
      taken(stager.take());
    }
    expect(largestBytes).to.be.at.most(MAX_WRITTEN_BYTES);
    const whole = Buffer.concat(blob);
    expect(Number(whole.readBigUInt64BE(whole.length - 24)), "the page index").to.be.above(MAX_WRITTEN_BYTES);
    expect(storageBytes).to.be.above(whole.length + pageCount * 55);
    if (LONG) {
      expect(referenceLtx(whole).pages.size).to.equal(pageCount);
    }
  });
});
