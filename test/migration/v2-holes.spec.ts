import { expect } from "chai";
import { cleanupActor } from "../../src/migration/cleanup-actor.ts";
import { IntegrityChecker } from "../../src/migration/integrity/integrity-checker.ts";
import { readV2Pages } from "../../src/migration/v2-image.ts";
import { digestOf } from "../../src/migration/pages.ts";
import { isBad, verifyActor, type Verification } from "../../src/migration/verify-actor.ts";
import { makeScene, SCENE_TARGETS, type MigratedScene } from "../support/migrated-scene.ts";
import { freelistOf } from "../support/reference-freelist.ts";
import { noIntegrityCheck } from "../support/no-integrity-check.ts";
import { sha256, u32 } from "../support/reference.ts";
import { bytesOf, PAGE } from "../support/v1-actors.ts";
import { sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";
import { goneBeforeWritten, holedFile, type HoledFile } from "../support/v1-holes.ts";

const MIGRATED = sqliteImageOfPages(3);
const NO_HOLD = { holdMs: 0, delete: true, who: "test" };
const signal = new AbortController().signal;

/** The last page that is in use, by its index. */
function lastInUse({ image }: HoledFile): number {
  const { trunks, leaves } = freelistOf(image) ?? expect.fail("no freelist");
  const free = new Set([...trunks, ...leaves]);
  let pgno = image.length / PAGE;
  while (free.has(pgno)) {
    pgno -= 1;
  }
  return pgno - 1;
}

/** The first trunk of the freelist, by its index. */
function firstTrunk({ image }: HoledFile): number {
  const [trunk] = freelistOf(image)?.trunks ?? [];
  return (trunk ?? expect.fail("no trunk")) - 1;
}

for (const target of SCENE_TARGETS) {
  for (const [title, blobBytes] of [
    ["some of them", 200_000],
    ["those of two trunks", 6_000_000],
  ] as const) {
    describe(`an actor that has run on ${target} and has pages that SQLite never wrote, ${title}`, () => {
      const checker = new IntegrityChecker();
      const check = checker.check.bind(checker);
      let file: HoledFile;
      let scene: MigratedScene;

      const verify = (): Promise<Verification> =>
        verifyActor(scene.context(scene.store, check), scene.actor.id, "full", signal);
      const cleanUp = () => cleanupActor(scene.context(scene.store, check), scene.actor.id, NO_HOLD, signal);

      before(() => {
        file = holedFile(goneBeforeWritten(blobBytes));
        expect(Math.min(...file.holes) * PAGE).to.be.greaterThan(MIGRATED.length - 1);
      });

      beforeEach(async () => {
        scene = await makeScene(target, MIGRATED);
        expect((await scene.migrate(scene.store)).state).to.equal("migrated");
      });

      after(async () => {
        await checker.close();
      });

      it("is read with zeros there, verified as sound, and cleaned up", async () => {
        scene.writeV2(scene.store, MIGRATED, file.image, file.holes);
        const pages = file.image.length / PAGE;
        const read = readV2Pages(scene.context(scene.store, check), scene.actor.id, pages, signal);
        expect(await digestOf(read)).to.equal(sha256(file.image));
        expect(await verify()).to.deep.equal({ comparison: "written_since", integrity: "ok", lines: [], pages });
        expect(await cleanUp()).to.include({ kind: "removed" });
      });

      for (const [what, lostOf] of [
        ["in use", lastInUse],
        ["a trunk of the freelist", firstTrunk],
      ] as const) {
        it(`is unreadable where a page is in no row that is ${what}`, async () => {
          scene.writeV2(scene.store, MIGRATED, file.image, [...file.holes, lostOf(file)]);
          const found = await verify();
          expect(found).to.include({ comparison: "v2_unreadable" });
          expect(isBad(found)).to.equal(true);
          expect(await cleanUp()).to.include({ reason: "v2_not_clean" });
        });
      }
    });
  }

  it(`an image on ${target} that nobody has written since its migration has every page in a row`, async () => {
    const { image, holes } = holedFile(goneBeforeWritten(200_000));
    const { actor, store, context, migrate } = await makeScene(target, image);
    expect((await migrate(store, { layout: "delta" })).state).to.equal("migrated");
    const pageNumber = u32((holes[0] ?? 0) + 1);
    const isIndexRow = (key: Uint8Array): boolean =>
      ["/PIDX/", "/PIDX/delta/"].some((word) =>
        Buffer.from(key)
          .subarray(-word.length - 4)
          .equals(bytesOf(word, pageNumber)),
      );
    const rows = store.dump().filter(({ key }) => isIndexRow(key));
    expect(rows).to.have.length(1);
    store.load(
      [],
      rows.map(({ key }) => ({ begin: key, end: bytesOf(key, 0) })),
    );
    const found = await verifyActor(context(store, noIntegrityCheck), actor.id, "quick", signal);
    expect(found).to.include({ comparison: "v2_unreadable" });
  });
}
