import { expect } from "chai";
import fc from "fast-check";
import { actorKvSubspace } from "../../../src/formats/actor-kv.ts";
import { EntryReader, type Entry } from "../../../src/migration/v1/entry-reader.ts";
import { formatErrorCode, holds } from "../../support/reference-properties.ts";
import { SeededRandom } from "../../support/reference-random.ts";
import { chunkRow, entryRows, metadataRow, testActor, type Row } from "../../support/v1-actors.ts";

const ACTOR = testActor(1);
const SUBSPACE = actorKvSubspace(ACTOR.id);
const KEYS = [Uint8Array.of(8), Uint8Array.of(8, 0), Uint8Array.of(8, 1, 1, 0, 0, 0, 0, 1), Uint8Array.of(9)];

function readAll(rows: readonly Row[], batchRows = 3): Entry[] {
  const reader = new EntryReader(SUBSPACE);
  const entries: Entry[] = [];
  for (let at = 0; at < rows.length; at += batchRows) {
    entries.push(...reader.push(rows.slice(at, at + batchRows)));
  }
  reader.end();
  return entries;
}

describe("entries", () => {
  it("are put together from their rows, in batches of any size", () => {
    holds(
      fc.property(
        fc.array(fc.nat(35_000), { minLength: 4, maxLength: 4 }),
        fc.integer({ min: 1, max: 9 }),
        (lengths, batch) => {
          const values = lengths.map(
            (length, index) => new SeededRandom(index).bytes(Math.min(length, 300)).length + length,
          );
          const rows = KEYS.flatMap((key, index) =>
            entryRows(ACTOR, key, new Uint8Array(values[index] ?? 0).fill(index)),
          );
          const entries = readAll(rows, batch);
          expect(entries.map(({ key }) => [...key])).to.deep.equal(KEYS.map((key) => [...key]));
          expect(entries.map(({ value }) => value.length)).to.deep.equal(values);
        },
      ),
      50,
    );
    expect(readAll([])).to.deep.equal([]);
  });

  it("of more than 256 chunks keep their order", () => {
    const value = new Uint8Array(2_600_000).map((_, index) => (index / 10_000) | 0);
    const [entry] = readAll(entryRows(ACTOR, Uint8Array.of(8), value), 100);
    expect(entry === undefined ? 1 : Buffer.compare(entry.value, value)).to.equal(0);
  });

  it("tell how much of a value waits for the rest of its entry", () => {
    const reader = new EntryReader(SUBSPACE);
    const key = Uint8Array.of(8);
    reader.push([chunkRow(ACTOR, key, 0, new Uint8Array(10)), chunkRow(ACTOR, key, 1, new Uint8Array(5))]);
    expect(reader.pendingBytes).to.equal(15);
    reader.push([metadataRow(ACTOR, key)]);
    expect(reader.pendingBytes).to.equal(0);
  });

  it("are corrupt without chunks, without metadata, with a chunk missing or double, or with a metadata row that is none", () => {
    const key = Uint8Array.of(8, 1);
    const chunk = (index: number): Row => chunkRow(ACTOR, key, index, new Uint8Array(1));
    const metadata = metadataRow(ACTOR, key);
    const other = entryRows(ACTOR, Uint8Array.of(8, 2), new Uint8Array(1));
    const corrupt: Row[][] = [
      [metadata],
      [chunk(0)],
      [chunk(0), ...other],
      [chunk(1), metadata],
      [chunk(0), chunk(2), metadata],
      [chunk(0), chunk(0), metadata],
      [chunk(0), metadata, metadata],
      [chunk(0), metadata, chunk(1)],
      [chunk(0), { key: metadata.key, value: new Uint8Array(0) }],
      [{ key: SUBSPACE, value: new Uint8Array(1) }],
    ];
    for (const [index, rows] of corrupt.entries()) {
      for (const batch of [1, 10]) {
        expect(
          formatErrorCode(() => readAll(rows, batch)),
          String(index),
        ).to.equal("entry_corrupt");
      }
    }
  });
});
