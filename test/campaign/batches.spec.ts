import { expect } from "chai";
import { inBatches } from "../../src/campaign/batches.ts";

async function batchesOf(items: Iterable<number> | AsyncIterable<number>, size: number): Promise<number[][]> {
  const batches: number[][] = [];
  for await (const batch of inBatches(items, size)) {
    batches.push(batch);
  }
  return batches;
}

describe("batches", () => {
  it("have one size, but for the last, which has the rest", async () => {
    expect(await batchesOf([1, 2, 3, 4, 5], 2)).to.deep.equal([[1, 2], [3, 4], [5]]);
  });

  it("are full to the last where the items come out even, and none where there are none", async () => {
    expect(await batchesOf([1, 2, 3, 4], 2)).to.deep.equal([
      [1, 2],
      [3, 4],
    ]);
    expect(await batchesOf([], 2)).to.deep.equal([]);
  });

  it("are given as they are full, and no item is asked for before", async () => {
    const asked: number[] = [];
    const items = function* (): Generator<number> {
      for (let item = 1; ; item += 1) {
        asked.push(item);
        yield item;
      }
    };
    for await (const batch of inBatches(items(), 3)) {
      expect(batch).to.deep.equal([1, 2, 3]);
      break;
    }
    expect(asked).to.deep.equal([1, 2, 3]);
  });
});
