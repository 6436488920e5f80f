import { expect } from "chai";
import fc from "fast-check";
import { memoryRows, storeRows, type Rows } from "../../src/migration/rows.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { anyBytes } from "../support/reference-properties.ts";
import type { Row } from "../support/v1-actors.ts";

const NEVER = new AbortController().signal;

async function read(rows: Rows, begin: Uint8Array, end: Uint8Array): Promise<string[]> {
  const found: string[] = [];
  for await (const batch of rows.getRange({ begin, end })) {
    expect(batch).not.to.have.lengthOf(0);
    found.push(
      ...batch.map(({ key, value }) => `${Buffer.from(key).toString("hex")}=${Buffer.from(value).toString("hex")}`),
    );
  }
  return found;
}

describe("rows", () => {
  it("are the same from memory, in any order, as from a store", async () => {
    const key = anyBytes(3);
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(key, { selector: String, maxLength: 12 }), key, key, async (keys, a, b) => {
        const rows = keys.map((one): Row => ({ key: one, value: one }));
        const store = new MemoryStore({ batchRows: 2 });
        store.load(rows);
        const [begin, end] = Buffer.compare(a, b) < 0 ? [a, b] : [b, a];
        const expected = await read(storeRows(store, NEVER), begin, end);
        expect(await read(memoryRows(rows), begin, end)).to.deep.equal(expected);
        expect(expected).to.have.lengthOf(
          keys.filter((one) => Buffer.compare(one, begin) >= 0 && Buffer.compare(one, end) < 0).length,
        );
        for (const one of [a, ...keys]) {
          const [inStore, inMemory] = [await storeRows(store, NEVER).get(one), await memoryRows(rows).get(one)];
          expect(inStore === undefined).to.equal(inMemory === undefined);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("of a store are read over as many transactions as there are megabytes, each row once", async () => {
    const labels: string[] = [];
    const store = new MemoryStore({ batchRows: 5, observer: ({ label, result }) => labels.push(`${label} ${result}`) });
    const rows = Array.from({ length: 70 }, (_, index) => ({
      key: Uint8Array.of(1, index),
      value: new Uint8Array(60_000),
    }));
    store.load(rows);
    const found = await read(storeRows(store, NEVER), Uint8Array.of(1), Uint8Array.of(2));
    expect(found.map((row) => Number.parseInt(row.slice(2, 4), 16))).to.deep.equal(rows.map((_, index) => index));
    expect(labels.length).to.be.within(4, 6);
    expect(new Set(labels)).to.deep.equal(new Set(["read_v2 read_only"]));
  });
});
