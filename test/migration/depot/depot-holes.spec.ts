import { expect } from "chai";
import { attempt } from "../../support/depot-attempt.ts";
import { branchesWithRows } from "../../support/depot-reference.ts";
import { dumpRows, putRows } from "../../support/depot-world.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { sha256 } from "../../support/reference.ts";
import { goneBeforeWritten, holedFile, holedRows } from "../../support/v1-holes.ts";
import { assertReadable, freshWorld, type Prepared } from "./prepared.ts";

const FILE = holedFile(goneBeforeWritten(200_000));

for (const [way, smallImageBytes] of [
  ["in one transaction", 1024 * 1024],
  ["staged", -1],
] as const) {
  describe(`an actor migrated to Depot whose pages SQLite did not all write (${way})`, () => {
    let prepared: Prepared;

    beforeEach(async () => {
      prepared = await freshWorld(new MemoryStore());
    });

    it("reads back with zeros there", async () => {
      const { store, world, actor } = prepared;
      await putRows(store, holedRows(actor, FILE));
      const outcome = await attempt(store, world, actor, { migration: { smallImageBytes } });
      expect(outcome).to.include({ state: "migrated", sha256: sha256(FILE.image) });
      expect(sha256(assertReadable(await dumpRows(store), actor).image)).to.equal(sha256(FILE.image));
      await prepared.assertExported(FILE.image);
    });

    it("is rejected when a page is missing that was written", async () => {
      const { store, world, actor } = prepared;
      await putRows(store, holedRows(actor, { ...FILE, holes: [...FILE.holes, 1] }));
      const outcome = await attempt(store, world, actor, { migration: { smallImageBytes } });
      expect(outcome).to.include({ state: "rejected", reason: "chunk_missing" });
      expect(branchesWithRows(await dumpRows(store))).to.deep.equal([]);
    });
  });
}
