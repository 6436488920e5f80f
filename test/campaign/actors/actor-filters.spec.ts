import { expect } from "chai";
import { passesFilters } from "../../../src/campaign/actors/actor-filters.ts";
import { readV1Size } from "../../../src/campaign/actors/v1-actors.ts";
import { actorIds, writeSizes } from "../../support/campaign-fleet.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { testActor } from "../../support/v1-actors.ts";

const { id } = testActor(1);
const TIB = 1024 ** 4;

describe("the filters of a campaign", () => {
  it("include both bounds of the size", () => {
    const bounds = { minBytes: 10, maxBytes: 20 };
    const sizes = [9, 10, 20, 21].filter((bytes) => passesFilters({ id, bytes }, bounds));
    expect(sizes).to.deep.equal([10, 20]);
  });

  it("take as many of a sample as it says, and of a larger one all of those and more", () => {
    const of = (samplePercent: number): string[] =>
      actorIds(1_000).filter((each) => passesFilters({ id: each, bytes: 0 }, { samplePercent }));
    expect(of(10).length).to.be.within(80, 120);
    expect(of(30)).to.include.members(of(10)).and.have.length.within(260, 340);
    expect(of(100)).to.have.length(1_000);
  });
});

describe("an actor's size in v1", () => {
  it("is none where the metadata claims more than any file can have: it is not years of work", async () => {
    const store = new MemoryStore();
    const sizeOf = async (bytes: number): Promise<number> => {
      await writeSizes(store, new Map([[id, bytes]]));
      return store.transact(async (tx) => readV1Size(tx, id));
    };
    expect([await sizeOf(16 * TIB), await sizeOf(16 * TIB + 1)]).to.deep.equal([16 * TIB, 0]);
  });
});
