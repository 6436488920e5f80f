import { expect } from "chai";
import { LAYOUTS, type Layout } from "../../src/migration/outcome.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import type { TransactionReport } from "../../src/store/store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { attempt, STAGED, TestClock } from "../support/reference-attempt.ts";
import { referenceLtx } from "../support/reference.ts";
import { LONG } from "../support/run-options.ts";
import { PAGE, syntheticImage, testActor, v1Rows, type Fill } from "../support/v1-actors.ts";

/** What no transaction of Ferry's may write more of, whatever the actor's size. */
const MAX_WRITTEN_BYTES = 2_000_000;
const ACTOR = testActor(81);

/** The largest transaction of migrating an image, as the store counts it. */
async function largest(pages: number, fill: Fill, layout: Layout, staged: boolean): Promise<TransactionReport> {
  const reports: TransactionReport[] = [];
  const store = new MemoryStore({ batchRows: 500, observer: (report) => reports.push(report) });
  store.load(v1Rows(ACTOR, syntheticImage(pages, fill, pages)));
  const outcome = await attempt(store, ACTOR, new TestClock(), { layout, verify: false, ...(staged ? STAGED : {}) });
  expect(outcome.state).to.equal("migrated");
  return reports.reduce((a, b) => (b.writtenBytes > a.writtenBytes ? b : a));
}

describe("no transaction writes more than 2,000,000 bytes", () => {
  for (const layout of LAYOUTS) {
    for (const fill of ["zeros", "random"] as const) {
      // Around what goes in one transaction, a span of reading, a shard, and what fills a transaction of the stage.
      const pages = LONG
        ? [1, 63, 64, 191, 192, 193, 230, 242, 255, 256, 257, 258, 319, 512, 2000, 20_000]
        : [192, 256, 257, 700];
      it(`at ${pages.join(", ")} pages (${layout}, ${fill})`, async () => {
        for (const count of pages) {
          for (const staged of [false, true]) {
            const { label, writtenBytes } = await largest(count, fill, layout, staged);
            expect(writtenBytes, `${count} pages, ${label}`).to.be.at.most(MAX_WRITTEN_BYTES);
          }
        }
      });
    }
  }

  it("at 20,000 pages of zeros, where PIDX rows and page index are most of it (delta)", async () => {
    const { label, writtenBytes } = await largest(20_000, "zeros", "delta", true);
    expect(writtenBytes, label).to.be.at.most(MAX_WRITTEN_BYTES);
    expect(writtenBytes, label).to.be.at.least(700_000);
  });

  it("at a page index of 2.3 MB, which comes all at the end (delta)", function () {
    this.timeout(120_000);
    const pageCount = 260_000;
    const page = new Uint8Array(PAGE);
    const stager = storageTarget.makeStager(ACTOR.id, { layout: "delta", pageCount, creationTsMs: 1 });
    const blob: Uint8Array[] = [];
    let largestBytes = 0;
    let storageBytes = 0;
    const taken = ({ rows, storageBytes: added }: ReturnType<typeof stager.take>): void => {
      largestBytes = Math.max(
        largestBytes,
        rows.reduce((sum, { key, value }) => sum + 3 * key.length + value.length + 53, 0),
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
      stager.add(pgno, page);
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
