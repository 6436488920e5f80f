import { expect } from "chai";
import { LAYOUTS, type Layout } from "../../src/migration/outcome.ts";
import { Fleet } from "../support/fleet.ts";
import { expectedOfV1, leaseRows, readMigrated, sha256, v2RowsOf } from "../support/reference.ts";
import { forEachEngine } from "../support/stores.ts";
import { sqliteImage } from "../support/v1-actors-sqlite.ts";
import { goneBeforeWritten, holedFile, holedRows } from "../support/v1-holes.ts";
import {
  brokenActors,
  bytesOf,
  entryRows,
  lifeRow,
  startsWith,
  syntheticImage,
  testActor,
  v1Rows,
  type Fill,
  type Row,
  type TestActor,
} from "../support/v1-actors.ts";

/** Sizes around every boundary there is: pages, shards of 64, the limit of one transaction (256). */
const PAGES = [0, 1, 2, 63, 64, 65, 255, 256, 257, 320, 321];
const FILLS: readonly Fill[] = ["zeros", "text", "random"];

interface Case {
  readonly title: string;
  readonly actor: TestActor;
  readonly rows: Row[];
  /** Where the independent reader of v1 cannot know: who is awake is not in v1's rows. */
  readonly deferred?: boolean;
}

function makeCorpus(): Case[] {
  const cases: Case[] = [];
  const add = (title: string, rowsOf: (actor: TestActor) => Row[], deferred = false): void => {
    const actor = testActor(cases.length);
    cases.push({ title, actor, rows: rowsOf(actor), deferred });
  };
  for (const pages of PAGES) {
    for (const fill of FILLS) {
      add(`${pages} pages of ${fill}`, (actor) => v1Rows(actor, syntheticImage(pages, fill, pages + 1)));
    }
  }
  const tables = sqliteImage((database) => {
    database.exec("CREATE TABLE t (a PRIMARY KEY, b) WITHOUT ROWID; CREATE INDEX i ON t (b); BEGIN;");
    for (let n = 0; n < 3_000; n += 1) {
      database.run("INSERT INTO t VALUES (?, ?)", [n, `row ${n * 7919}`]);
    }
    database.exec("COMMIT; DELETE FROM t WHERE a % 3 = 0;");
  });
  add("tables, an index, free pages", (actor) => v1Rows(actor, tables));
  add("other keys around the database", (actor) => [
    ...entryRows(actor, Uint8Array.of(1), bytesOf("before")),
    ...v1Rows(actor, tables),
    ...entryRows(actor, Uint8Array.of(9, 0, 0xff), bytesOf("behind")),
  ]);
  add("asleep since", (actor) => [...v1Rows(actor, tables), lifeRow(actor, "SLEEP_TS", 1_700_000_000_000n)]);
  add("awake", (actor) => [...v1Rows(actor, tables), lifeRow(actor, "CONNECTABLE")], true);
  for (const blobBytes of [200_000, 2_000_000]) {
    const file = holedFile(goneBeforeWritten(blobBytes));
    const { image, holes } = file;
    add(`${holes.length} pages that were never written`, (actor) => holedRows(actor, file));
    add("the same and one that is lost", (actor) => holedRows(actor, { image, holes: [...holes, 1] }));
  }
  add("no database", (actor) => entryRows(actor, Uint8Array.of(7), bytesOf("x")));
  const image = syntheticImage(5, "text");
  for (const broken of brokenActors(testActor(0), image)) {
    const at = brokenActors(testActor(0), image).findIndex(({ title }) => title === broken.title);
    add(broken.title, (actor) => brokenActors(actor, image)[at]?.rows ?? []);
  }
  return cases;
}

describe("a corpus of good and broken actors, loaded, enqueued, and worked off by two processes", function () {
  this.timeout(180_000);
  const corpus = makeCorpus();

  forEachEngine((makeStore) => {
    for (const layout of LAYOUTS) {
      it(`comes out as an independent reader of the formats expects, layout ${layout}`, async () => {
        const { url } = await makeStore();
        const fleet = await Fleet.start(url);
        try {
          await fleet.load(corpus.flatMap(({ rows }) => rows));
          const ids = corpus.map(({ actor }) => actor.id).join("\n");
          const added = await fleet.ferry(["enqueue", "--from", "-", "--layout", layout, "--json"], ids);
          expect(JSON.parse(added.stdout)).to.include({ enqueued: corpus.length });
          const workers = [1, 2].map(() => fleet.worker("--drain"));
          for (const { status, stderr } of await Promise.all(workers.map((worker) => worker.ended()))) {
            expect(status, stderr).to.be.oneOf([0, 1]);
          }
          const rows = await fleet.dump();
          const outcomes = await fleet.outcomes();
          expect(outcomes.size).to.equal(corpus.length);
          for (const one of corpus) {
            expectAsReference(one, layout, rowsOf(one.actor, rows), outcomes.get(one.actor.id));
          }
          expect(leaseRows(rows)).to.deep.equal([]);
        } finally {
          await fleet.stop();
        }
      });
    }
  });

  function expectAsReference(
    one: Case,
    layout: Layout,
    rows: readonly Row[],
    outcome: Record<string, unknown> | undefined,
  ): void {
    const { title, actor } = one;
    const expected = expectedOfV1(actor, one.rows);
    for (const { key, value } of one.rows) {
      const found = rows.find((row) => Buffer.compare(row.key, key) === 0);
      expect(Buffer.compare(found?.value ?? Buffer.from("gone"), value), `${title}: v1 is untouched`).to.equal(0);
    }
    if (one.deferred === true) {
      expect(outcome, title).to.include({ state: "deferred", reason: "actor_awake" });
      expect(v2RowsOf(actor, rows), title).to.deep.equal([]);
      return;
    }
    switch (expected.kind) {
      case "none":
        expect(outcome, title).to.include({ state: "skipped", reason: "no_v1_data" });
        expect(v2RowsOf(actor, rows), title).to.deep.equal([]);
        break;
      case "rejected":
        expect(outcome, title).to.include({ state: "rejected" });
        expect(outcome?.["reason"], title).to.be.oneOf([...expected.reasons]);
        expect(v2RowsOf(actor, rows), title).to.deep.equal([]);
        break;
      case "image":
        expect(outcome, title).to.include({
          state: "migrated",
          pages: expected.image.length / 4096,
          bytes: expected.image.length,
          sha256: sha256(expected.image),
        });
        expect(sha256(readMigrated(actor, rows, layout).image), title).to.equal(sha256(expected.image));
        break;
    }
  }

  /** Rows whose key has the actor's id, as bytes or as text: what one actor's checks need to look at. */
  function rowsOf(actor: TestActor, rows: readonly Row[]): Row[] {
    const text = Buffer.from(actor.id, "latin1");
    return rows.filter(
      ({ key }) =>
        !startsWith(key, bytesOf(2, "ferry")) &&
        (Buffer.from(key).includes(text) || Buffer.from(key).includes(Buffer.from(actor.idBytes))),
    );
  }
});
