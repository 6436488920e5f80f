import { expect } from "chai";
import { LAYOUTS, type Layout } from "../../src/migration/outcome.ts";
import { storeRows } from "../../src/migration/rows.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import type { Store } from "../../src/store/store.ts";
import { encodeActorId, parseActorId } from "../../src/formats/actor-id.ts";
import { ThreadCodec } from "../../src/migration/codec/thread-codec.ts";
import { inflated } from "../../src/migration/pages.ts";
import { vectorBytes, vectorJson, vectorRows } from "../formats/vectors.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { attempt, dumpRows, forEachStore, loadRows, STAGED, TestClock } from "../support/reference-attempt.ts";
import { LONG } from "../support/run-options.ts";
import { firstDifference, leaseRows, logicalValues, readMigrated, readV2, sha256 } from "../support/reference.ts";
import { PAGE, syntheticImage, testActor, v1Rows, type TestActor } from "../support/v1-actors.ts";
import { sqliteSamples, type SqliteSample } from "../support/v1-actors-sqlite.ts";

const ACTOR = testActor(21);
const WAYS = [
  ["in one transaction", {}],
  ["staged", STAGED],
] as const;

/** The image as Ferry's own reader of v2 gives it. */
async function readByFerry(store: Store, actor: TestActor): Promise<Uint8Array> {
  const rows = storeRows(store, new AbortController().signal);
  const pageCount = await storageTarget.readPageCount(rows, actor.id);
  const pages: Uint8Array[] = [];
  const blocks = storageTarget.readBlocks(rows, actor.id, pageCount ?? expect.fail("no image"));
  for await (const batch of inflated(blocks)) {
    expect(batch.firstPgno).to.equal(pages.length + 1);
    pages.push(...batch.pages);
  }
  return Uint8Array.from(Buffer.concat(pages));
}

async function expectMigrated(store: Store, actor: TestActor, image: Uint8Array, layout: Layout): Promise<void> {
  const dump = await dumpRows(store);
  expect(firstDifference(readMigrated(actor, dump, layout).image, image), "first differing byte").to.equal(undefined);
  expect(firstDifference(await readByFerry(store, actor), image), "first byte Ferry reads differently").to.equal(
    undefined,
  );
  expect(leaseRows(dump)).to.deep.equal([]);
}

describe("a real database", () => {
  let samples: SqliteSample[] = [];

  before(() => {
    samples = sqliteSamples();
  });

  it("is of exactly the sizes that the tests below are about", () => {
    const pages = samples.map(({ title, image }) => (title.endsWith("pages") ? `${image.length / PAGE} pages` : title));
    expect(pages).to.deep.equal(samples.map(({ title }) => title));
    expect(
      samples.every(({ image }) => image.length === 0 || Buffer.from(image).readUInt32BE(28) * PAGE === image.length),
    ).to.equal(true);
  });

  forEachStore((makeStore) => {
    for (const layout of LAYOUTS) {
      for (const [way, options] of WAYS) {
        it(`comes out byte for byte, whatever is in it (${layout}, ${way})`, async () => {
          const store = await makeStore();
          for (const [index, { title, image }] of samples.entries()) {
            const actor = testActor(100 + index);
            await loadRows(store, v1Rows(actor, image));
            const outcome = await attempt(store, actor, new TestClock(), { layout, ...options });
            expect(outcome.state, `${title}: ${outcome.detail ?? ""}`).to.equal("migrated");
            expect(outcome).to.include({
              pages: image.length / PAGE,
              bytes: image.length,
              sha256: sha256(image),
              layout,
            });
          }
          for (const [index, { image }] of samples.entries()) {
            await expectMigrated(store, testActor(100 + index), image, layout);
          }
        });
      }
    }
  });
});

describe("a synthetic image", () => {
  for (const layout of LAYOUTS) {
    for (const fill of ["zeros", "random"] as const) {
      it(`of any number of pages around a shard's comes out byte for byte (${layout}, ${fill})`, async () => {
        for (const pages of [1, 2, 62, 63, 64, 65, 127, 128, 129, 255, 256, 257]) {
          for (const [, options] of WAYS) {
            const store = new MemoryStore();
            const image = syntheticImage(pages, fill, pages);
            store.load(v1Rows(ACTOR, image));
            await attempt(store, ACTOR, new TestClock(), { layout, ...options });
            await expectMigrated(store, ACTOR, image, layout);
          }
        }
      });
    }

    it(`comes out byte for byte when another thread compresses it and reads it back (${layout})`, async () => {
      const codec = new ThreadCodec();
      try {
        for (const pages of [1, 127, 128, 129, 257, 700]) {
          const store = new MemoryStore();
          const image = syntheticImage(pages, "random", pages);
          store.load(v1Rows(ACTOR, image));
          const outcome = await attempt(store, ACTOR, new TestClock(), { layout, ...STAGED, context: { codec } });
          expect(outcome).to.include({ state: "migrated", sha256: sha256(image) });
          await expectMigrated(store, ACTOR, image, layout);
        }
      } finally {
        await codec.close();
      }
    });

    it(`whose last chunks are short has zeros there (${layout})`, async () => {
      const image = syntheticImage(70, "text");
      image.fill(0, 69 * PAGE + 10);
      image.fill(0, 3 * PAGE, 4 * PAGE);
      for (const [, options] of WAYS) {
        const store = new MemoryStore();
        const rows = v1Rows(ACTOR, image).map(({ key, value }) => ({
          key,
          value: value.length === PAGE ? value.slice(0, value.findLastIndex((byte) => byte !== 0) + 1) : value,
        }));
        store.load(rows);
        await attempt(store, ACTOR, new TestClock(), { layout, ...options });
        await expectMigrated(store, ACTOR, image, layout);
      }
    });
  }

  for (const layout of LONG ? LAYOUTS : (["delta"] as const)) {
    it(`of 32,768 pages comes out byte for byte (${layout})`, async function () {
      this.timeout(180_000);
      const image = syntheticImage(32_768, "zeros");
      for (let page = 1; page < 32_768; page += 1) {
        Buffer.from(image.buffer).writeUInt32BE(page, page * PAGE + 5);
      }
      const store = new MemoryStore({ batchRows: 1000 });
      store.load(v1Rows(ACTOR, image));
      const outcome = await attempt(store, ACTOR, new TestClock(), { layout });
      expect(outcome).to.include({ state: "migrated", pages: 32_768, sha256: sha256(image) });
      expect(firstDifference(readMigrated(ACTOR, store.dump(), layout).image, image)).to.equal(undefined);
    });
  }

  it("without pages among many other rows goes the staged way, and comes out empty", async () => {
    for (const layout of LAYOUTS) {
      const store = new MemoryStore();
      const rest = Array.from({ length: 300 }, (_, index) => ({ index }));
      store.load(v1Rows(ACTOR, new Uint8Array(0)));
      const [sample] = v1Rows(ACTOR, new Uint8Array(0));
      const prefix = (sample?.key ?? new Uint8Array(0)).slice(0, 29);
      store.load(
        rest.map(({ index }) => ({
          key: Uint8Array.from([...prefix, 9, index >> 8, index & 255, 1]),
          value: new Uint8Array(1000),
        })),
      );
      await attempt(store, ACTOR, new TestClock(), { layout, ...STAGED });
      await expectMigrated(store, ACTOR, new Uint8Array(0), layout);
    }
  });
});

describe("the golden actor", () => {
  const { actorId } = vectorJson("v1-actor.json") as { actorId: string };
  const id = parseActorId(actorId);
  const actor: TestActor = { id, idBytes: encodeActorId(id) };

  for (const layout of LAYOUTS) {
    for (const [way, options] of WAYS) {
      it(`becomes what the golden v2 rows mean (${layout}, ${way})`, async () => {
        const store = new MemoryStore();
        store.load(vectorRows("v1-actor.ndjson"));
        await attempt(store, actor, new TestClock(), { layout, ...options });
        await expectMigrated(store, actor, vectorBytes("v1-actor.sqlite"), layout);
        // Apart from the compressed bytes, and with them how many DELTA chunks there are, the logical rows are the same.
        const names = (rows: Parameters<typeof logicalValues>[1]): string[] =>
          logicalValues(actor, rows)
            .map(({ suffix }) => suffix.toString("hex"))
            .filter((suffix) => !suffix.startsWith(Buffer.from("/DELTA/").toString("hex")));
        const golden = vectorRows(`v2-${layout}.ndjson`);
        expect(names(store.dump())).to.deep.equal(names(golden));
        const ours = readV2(actor, store.dump()).head;
        const theirs = readV2(actor, golden).head;
        expect({ ...ours, creationTsMs: 0n, storageUsed: 0n }).to.deep.equal({
          ...theirs,
          creationTsMs: 0n,
          storageUsed: 0n,
        });
        expect(ours.storageUsed <= theirs.storageUsed).to.equal(true);
      });

      it(`as the golden v2 rows is read by Ferry's reader (${layout}, ${way})`, async () => {
        const store = new MemoryStore();
        store.load(vectorRows(`v2-${layout}.ndjson`));
        expect(firstDifference(await readByFerry(store, actor), vectorBytes("v1-actor.sqlite"))).to.equal(undefined);
      });
    }
  }
});
