import { expect } from "chai";
import { encodeActorId, parseActorId } from "../../src/formats/actor-id.ts";
import { concatBytes, startsWith, toHex, u32be, u64be, viewOf } from "../../src/formats/bytes.ts";
import { decodeDbHead, encodeDbHead } from "../../src/formats/db-head.ts";
import {
  decodeSplitHead,
  encodeSplitValue,
  joinPieces,
  physicalKey,
  piecePrefix,
} from "../../src/formats/split-value.ts";
import { deltaKey, metaKey, pidxKey, shardKey, V2_SUBSPACE } from "../../src/formats/v2-keys.ts";
import { expectedOfV1, firstDifference, readV2 } from "../support/reference.ts";
import { v1Rows, type Row, type TestActor } from "../support/v1-actors.ts";
import { ltxPages } from "../support/ltx-pages.ts";
import { vectorBytes, vectorJson, vectorRows } from "./vectors.ts";

const { actorId, pages: PAGES } = vectorJson("v1-actor.json") as { actorId: string; pages: number };
const id = parseActorId(actorId);
const ACTOR: TestActor = { id, idBytes: encodeActorId(id) };
const IMAGE = vectorBytes("v1-actor.sqlite");

/** A logical value out of physical rows, by this project's codecs. */
function logicalValue(rows: ReadonlyMap<string, Uint8Array>, key: Uint8Array): Uint8Array {
  const at = (physical: Uint8Array): Uint8Array =>
    rows.get(toHex(physical)) ?? expect.fail(`no row ${toHex(physical)}`);
  const head = decodeSplitHead(at(physicalKey(V2_SUBSPACE, key)));
  if (head.kind === "inline") {
    return head.value;
  }
  const pieces = Array.from({ length: head.pieces }, (_, index) =>
    at(concatBytes(piecePrefix(V2_SUBSPACE, key), u32be(index))),
  );
  return joinPieces(head, pieces);
}

function byKey(rows: readonly Row[]): Map<string, Uint8Array> {
  return new Map(rows.map(({ key, value }) => [toHex(key), value]));
}

/** The physical rows of logical values, by this project's codecs, in key order as dumped. */
function encoded(values: readonly [Uint8Array, Uint8Array][]): string[] {
  return values
    .flatMap(([key, value]) => encodeSplitValue(V2_SUBSPACE, key, value))
    .map(({ key, value }) => `${toHex(key)} ${toHex(value)}`)
    .sort();
}

function dumped(rows: readonly Row[]): string[] {
  return rows.map(({ key, value }) => `${toHex(key)} ${toHex(value)}`).sort();
}

describe("the golden actor", () => {
  it("in v1 is its SQLite file, and the test's own writer writes the same rows", () => {
    const rows = vectorRows("v1-actor.ndjson");
    const expected = expectedOfV1(ACTOR, rows);
    expect(expected.kind).to.equal("image");
    expect(expected.kind === "image" ? firstDifference(expected.image, IMAGE) : 0).to.equal(undefined);
    expect(dumped(v1Rows(ACTOR, IMAGE))).to.deep.equal(dumped(rows));
  });

  it("in v2 as deltas is its SQLite file, by the codecs and by the reference", () => {
    const rows = vectorRows("v2-delta.ndjson");
    const physical = byKey(rows);
    const head = decodeDbHead(logicalValue(physical, metaKey(id)));
    expect(head).to.include({ headTxid: 1n, nextTxid: 2n, materializedTxid: 0n, dbSizePages: PAGES });
    expect(head.origin).to.equal("migrated_from_v1");
    const chunks = [0, 1, 2].map((chunk) => logicalValue(physical, deltaKey(id, 1n, chunk)));
    const { header, pages } = ltxPages(concatBytes(...chunks));
    expect(header).to.deep.equal({ commitPages: PAGES, txid: 1n, timestampMs: head.creationTsMs });
    expect(firstDifference(concatBytes(...pages.map(({ page }) => page)), IMAGE)).to.equal(undefined);
    for (let pgno = 1; pgno <= PAGES; pgno += 1) {
      expect(viewOf(logicalValue(physical, pidxKey(id, pgno))).getBigUint64(0)).to.equal(1n);
    }
    expect(firstDifference(readV2(ACTOR, rows).image, IMAGE)).to.equal(undefined);
    const again: [Uint8Array, Uint8Array][] = [
      [metaKey(id), encodeDbHead(head)],
      ...chunks.map((chunk, index): [Uint8Array, Uint8Array] => [deltaKey(id, 1n, index), chunk]),
      ...pages.map(({ pgno }): [Uint8Array, Uint8Array] => [pidxKey(id, pgno), u64be(1n)]),
    ];
    expect(encoded(again)).to.deep.equal(dumped(rows));
  });

  it("in v2 as shards is its SQLite file, by the codecs and by the reference", () => {
    const rows = vectorRows("v2-shards.ndjson");
    const physical = byKey(rows);
    const head = decodeDbHead(logicalValue(physical, metaKey(id)));
    expect(head).to.include({ headTxid: 1n, nextTxid: 2n, materializedTxid: 1n, dbSizePages: PAGES });
    const blobs = [0, 1].map((shard) => logicalValue(physical, shardKey(id, shard)));
    const pages = blobs.flatMap((blob) => {
      const { header, pages } = ltxPages(blob);
      expect(header).to.deep.equal({ commitPages: PAGES, txid: 1n, timestampMs: head.creationTsMs });
      return pages;
    });
    expect(pages.map(({ pgno }) => pgno)).to.deep.equal(Array.from({ length: PAGES }, (_, index) => index + 1));
    expect(firstDifference(concatBytes(...pages.map(({ page }) => page)), IMAGE)).to.equal(undefined);
    expect(firstDifference(readV2(ACTOR, rows).image, IMAGE)).to.equal(undefined);
    const again: [Uint8Array, Uint8Array][] = [
      [metaKey(id), encodeDbHead(head)],
      ...blobs.map((blob, shard): [Uint8Array, Uint8Array] => [shardKey(id, shard), blob]),
    ];
    expect(encoded(again)).to.deep.equal(dumped(rows));
  });

  it("has every v2 row under its own prefix", () => {
    for (const { key } of [...vectorRows("v2-delta.ndjson"), ...vectorRows("v2-shards.ndjson")]) {
      expect(startsWith(key, V2_SUBSPACE)).to.equal(true);
    }
  });
});
