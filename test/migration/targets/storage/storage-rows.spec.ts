import { expect } from "chai";
import { makeActorId } from "../../../../src/formats/actor-id.ts";
import { compareBytes } from "../../../../src/formats/bytes.ts";
import { allRanges } from "../../../../src/migration/targets/storage/storage-rows.ts";

describe("The ranges of an actor's rows in v2", () => {
  it("come in the order of keys and share nothing, so that a store that finds one empty need not look at the next", () => {
    const ranges = allRanges(makeActorId(new Uint8Array(16).fill(7), 1));
    const bounds = ranges.flatMap(({ begin, end }) => [begin, end]);
    for (const [index, bound] of bounds.slice(1).entries()) {
      expect(compareBytes(bounds[index] ?? bound, bound), `bound ${index}`).to.be.below(0);
    }
    expect(ranges).to.have.length(8);
  });
});
