import { expect } from "chai";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";
import { attempt } from "../../support/depot-attempt.ts";
import { dumpRows } from "../../support/depot-world.ts";
import { forEachEngine } from "../../support/stores.ts";
import { sha256 } from "../../support/reference.ts";
import { LONG } from "../../support/run-options.ts";
import { syntheticImage } from "../../support/v1-actors.ts";

/** 32,768 pages are 128 MiB, the most the engine itself would read; only where time is no matter. */
const SIZES = [0, 1, 2, 63, 64, 65, 127, 128, 319, 320, 321, ...(LONG ? [32_768] : [])];

describe("an actor migrated to Depot", function () {
  this.timeout(LONG ? 600_000 : 60_000);

  forEachEngine((makeStore) => {
    let prepared: Prepared;

    beforeEach(async () => {
      prepared = await freshWorld(await makeStore());
    });

    for (const pages of SIZES) {
      for (const way of ["in one transaction", "staged"] as const) {
        if (way === "in one transaction" && pages > 1_000) {
          continue;
        }
        it(`reads back as it was, ${pages} pages, ${way}`, async () => {
          const image = syntheticImage(pages, pages > 1_000 ? "text" : "random", pages + 1);
          await prepared.putV1(image);
          const smallImageBytes = way === "staged" ? -1 : 8 * 1024 * 1024;
          const outcome = await attempt(prepared.store, prepared.world, prepared.actor, {
            migration: { smallImageBytes },
          });
          expect(outcome).to.include({ state: "migrated", pages, sha256: sha256(image), layout: "delta" });
          if (pages > 1_000) {
            await prepared.assertExported(image);
            return;
          }
          const found = assertReadable(await dumpRows(prepared.store), prepared.actor);
          expect(sha256(found.image)).to.equal(sha256(image));
          await prepared.assertExported(image);
        });
      }
    }

    it("is skipped when it comes again", async () => {
      await prepared.putV1(syntheticImage(3, "text"));
      const first = await attempt(prepared.store, prepared.world, prepared.actor);
      const before = await dumpRows(prepared.store);
      const second = await attempt(prepared.store, prepared.world, prepared.actor);
      // What is recorded of it says more than that there was nothing to do.
      expect(second).to.deep.equal(first);
      expect(await dumpRows(prepared.store)).to.deep.equal(before);
    });
  });
});
