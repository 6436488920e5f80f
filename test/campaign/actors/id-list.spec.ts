import { expect } from "chai";
import fc from "fast-check";
import { IdList } from "../../../src/campaign/actors/id-list.ts";
import { makeActorId, type ActorId } from "../../../src/formats/actor-id.ts";

/** Ids that differ in their last bytes only, as those that are made one after the other. */
function numbered(n: number): ActorId {
  const random = Buffer.alloc(16);
  random.writeUInt32BE(n, 12);
  return makeActorId(random, 0);
}

describe("a list of ids", () => {
  it("has each once, in the order in which they came, and counts the others", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3_000), { maxLength: 5_000 }), (numbers) => {
        const ids = numbers.map(numbered);
        const distinct = [...new Set(ids)];
        const list = new IdList(ids);
        expect([...list]).to.deep.equal(distinct);
        expect([list.size, list.repeated]).to.deep.equal([distinct.length, ids.length - distinct.length]);
        expect(distinct.filter((id) => !list.has(id))).to.deep.equal([]);
        expect(list.has(numbered(3_001))).to.equal(false);
      }),
      { numRuns: 20 },
    );
  });

  it("holds more than fit in one of its blocks, and can be read again and again", () => {
    const ids = Array.from({ length: 70_000 }, (_, n) => numbered(n));
    const list = new IdList([...ids, ...ids]);
    expect([list.size, list.repeated]).to.deep.equal([70_000, 70_000]);
    for (let time = 0; time < 2; time += 1) {
      let index = 0;
      for (const id of list) {
        if (id !== ids[index]) {
          expect.fail(`place ${index} has ${id}`);
        }
        index += 1;
      }
      expect(index).to.equal(70_000);
    }
  });
});
