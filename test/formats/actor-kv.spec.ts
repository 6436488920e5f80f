import { expect } from "chai";
import fc from "fast-check";
import { parseActorId } from "../../src/formats/actor-id.ts";
import {
  ACTOR_KV_ROOT,
  actorKvSubspace,
  actorOfKvKey,
  assertEntryMetadata,
  chunkRowKey,
  decodeEntryMetadata,
  decodeRowKey,
  encodeEntryMetadata,
  entryKey,
  entryKeyPrefix,
  metadataRowKey,
} from "../../src/formats/actor-kv.ts";
import { compareBytes, concatBytes, startsWith, toHex } from "../../src/formats/bytes.ts";
import {
  anyBytes,
  asPooledBuffer,
  bitFlips,
  formatErrorCode,
  holds,
  prefixes,
} from "../support/reference-properties.ts";
import { chunkRow, ENTRY_METADATA, metadataRow, testActor } from "../support/v1-actors.ts";
import { hex, vectorJson, vectorRows } from "./vectors.ts";

const ACTOR = testActor(1);
const SUBSPACE = actorKvSubspace(ACTOR.id);
const I64_MIN = -(2n ** 63n);
const I64_MAX = 2n ** 63n - 1n;

describe("the actor's key-value space", () => {
  it("begins with the golden prefixes", () => {
    for (const { text, actorKvPrefix } of vectorJson("actor-ids.json") as { text: string; actorKvPrefix: string }[]) {
      const id = parseActorId(text);
      expect(toHex(actorKvSubspace(id))).to.equal(actorKvPrefix);
      expect(startsWith(actorKvSubspace(id), ACTOR_KV_ROOT)).to.equal(true);
      expect(actorOfKvKey(concatBytes(actorKvSubspace(id), Uint8Array.of(5)))).to.equal(id);
    }
  });

  it("refuses to name the actor of a key that ends inside an id", () => {
    for (const prefix of prefixes(SUBSPACE)) {
      if (prefix.length >= ACTOR_KV_ROOT.length) {
        expect(formatErrorCode(() => actorOfKvKey(prefix))).to.equal("actor_id_invalid");
      }
    }
  });

  it("takes every key of the golden actor apart and puts it together again", () => {
    const { actorId } = vectorJson("v1-actor.json") as { actorId: string };
    const subspace = actorKvSubspace(parseActorId(actorId));
    const rows = vectorRows("v1-actor.ndjson");
    expect(rows).to.have.lengthOf(2 * 67);
    for (const { key } of rows) {
      const row = decodeRowKey(subspace, asPooledBuffer(key));
      const again =
        row.kind === "metadata" ? metadataRowKey(subspace, row.key) : chunkRowKey(subspace, row.key, row.index);
      expect(toHex(again)).to.equal(toHex(key));
    }
  });

  it("round-trips any key and index, and agrees with an independent writer", () => {
    holds(
      fc.property(anyBytes(12), fc.integer({ min: 0, max: 0xffff }), (key, index) => {
        const chunk = chunkRowKey(SUBSPACE, key, index);
        expect(toHex(chunk)).to.equal(toHex(chunkRow(ACTOR, key, index, key).key));
        expect(decodeRowKey(SUBSPACE, chunk)).to.deep.equal({ kind: "chunk", key, index });
        const metadata = metadataRowKey(SUBSPACE, key);
        expect(toHex(metadata)).to.equal(toHex(metadataRow(ACTOR, key).key));
        expect(decodeRowKey(SUBSPACE, metadata)).to.deep.equal({ kind: "metadata", key });
        expect(compareBytes(chunk, metadata)).to.equal(-1);
      }),
    );
  });

  it("round-trips chunk indices to 2^32 - 1", () => {
    for (const index of [0, 1, 255, 256, 65_535, 65_536, 0xffffff, 0x1000000, 0xffffffff]) {
      const row = decodeRowKey(SUBSPACE, chunkRowKey(SUBSPACE, Uint8Array.of(0), index));
      expect(row).to.deep.equal({ kind: "chunk", key: Uint8Array.of(0), index });
    }
  });

  it("keeps the order of keys, and a prefix's entries together", () => {
    holds(
      fc.property(anyBytes(4), anyBytes(4), (a, b) => {
        const order = Math.sign(compareBytes(a, b));
        expect(Math.sign(compareBytes(entryKey(SUBSPACE, a), entryKey(SUBSPACE, b)))).to.equal(order);
        expect(startsWith(entryKey(SUBSPACE, b), entryKeyPrefix(SUBSPACE, a))).to.equal(startsWith(b, a));
      }),
      2000,
    );
  });

  it("refuses every cut and every lengthening of a row's key, or sees another row in it", () => {
    for (const key of [Uint8Array.of(8, 1, 1, 0, 0, 0, 0, 1), new Uint8Array(0), Uint8Array.of(0, 0, 255)]) {
      for (const rowKey of [metadataRowKey(SUBSPACE, key), chunkRowKey(SUBSPACE, key, 300)]) {
        for (const prefix of prefixes(rowKey)) {
          expect(
            formatErrorCode(() => decodeRowKey(SUBSPACE, prefix)),
            toHex(prefix),
          ).to.equal("entry_corrupt");
        }
        const longer = concatBytes(rowKey, new Uint8Array(1));
        expect(
          formatErrorCode(() => decodeRowKey(SUBSPACE, longer)),
          toHex(longer),
        ).to.equal("entry_corrupt");
      }
    }
  });

  it("never reads a flipped key as the same row, nor crashes on it", () => {
    const key = Uint8Array.of(8, 1, 1, 0, 0, 0, 1, 0);
    const rowKey = chunkRowKey(SUBSPACE, key, 2);
    for (const { flipped, bit } of bitFlips(rowKey)) {
      let row: unknown;
      const code = ((): string => {
        try {
          row = decodeRowKey(SUBSPACE, flipped);
          return "decoded";
        } catch (error) {
          return formatErrorCode(() => {
            throw error;
          });
        }
      })();
      expect(code, String(bit)).to.be.oneOf(["decoded", "entry_corrupt"]);
      expect(row, String(bit)).not.to.deep.equal({ kind: "chunk", key, index: 2 });
    }
  });

  it("refuses tuples that are not in their shortest form", () => {
    const start = entryKey(SUBSPACE, Uint8Array.of(8));
    for (const suffix of ["15041500", "1504160001", "150419000000000001", "1504190100000000", "16000414", "150413fe"]) {
      const key = concatBytes(start, hex(suffix));
      expect(
        formatErrorCode(() => decodeRowKey(SUBSPACE, key)),
        suffix,
      ).to.equal("entry_corrupt");
    }
  });

  it("refuses an entry's key that is followed by more of a nested tuple", () => {
    const key = concatBytes(SUBSPACE, hex("05010801000208001504" + "14"));
    expect(formatErrorCode(() => decodeRowKey(SUBSPACE, key))).to.equal("entry_corrupt");
  });
});

describe("an entry's metadata row", () => {
  it("reads and writes the golden bytes", () => {
    const decoded = decodeEntryMetadata(ENTRY_METADATA);
    expect(Buffer.from(decoded.version).toString()).to.equal("2.1.0");
    expect(decoded.updateTs).to.equal(1_700_000_000_000n);
    expect(toHex(encodeEntryMetadata(decoded))).to.equal(toHex(ENTRY_METADATA));
  });

  it("reads them from a Buffer inside other memory", () => {
    const decoded = decodeEntryMetadata(asPooledBuffer(ENTRY_METADATA));
    expect(Buffer.from(decoded.version).toString()).to.equal("2.1.0");
    const encoded = encodeEntryMetadata({ version: asPooledBuffer(decoded.version), updateTs: decoded.updateTs });
    expect(toHex(encoded)).to.equal(toHex(ENTRY_METADATA));
  });

  it("round-trips any version and time", () => {
    const time = fc.oneof(fc.bigInt({ min: I64_MIN, max: I64_MAX }), fc.constantFrom(I64_MIN, I64_MAX, 0n));
    holds(
      fc.property(anyBytes(300), time, (version, updateTs) => {
        expect(decodeEntryMetadata(encodeEntryMetadata({ version, updateTs }))).to.deep.equal({ version, updateTs });
      }),
    );
  });

  it("refuses every cut and trailing bytes", () => {
    for (const prefix of prefixes(ENTRY_METADATA)) {
      expect(formatErrorCode(() => decodeEntryMetadata(prefix))).to.equal("entry_corrupt");
    }
    const longer = concatBytes(ENTRY_METADATA, new Uint8Array(1));
    expect(formatErrorCode(() => decodeEntryMetadata(longer))).to.equal("entry_corrupt");
  });

  it("refuses every flipped bit of its length", () => {
    for (const { flipped, bit } of bitFlips(ENTRY_METADATA)) {
      if (bit < 8) {
        expect(
          formatErrorCode(() => decodeEntryMetadata(flipped)),
          String(bit),
        ).to.equal("entry_corrupt");
      } else {
        expect(toHex(encodeEntryMetadata(decodeEntryMetadata(flipped)))).to.equal(toHex(flipped));
      }
    }
  });

  it("is found right or wrong by a look, just as by reading it", () => {
    const some = anyBytes(150).map((version) => encodeEntryMetadata({ version, updateTs: -1n }));
    const cut = fc.tuple(some, fc.nat(200)).map(([bytes, length]) => bytes.subarray(0, length));
    const longer = fc.tuple(some, anyBytes(3)).map((parts) => concatBytes(...parts));
    holds(
      fc.property(fc.oneof(some, cut, longer, anyBytes(20)), (bytes) => {
        const isRight = (read: (bytes: Uint8Array) => unknown): boolean => {
          try {
            read(bytes);
            return true;
          } catch (error) {
            expect(error).to.have.property("code", "entry_corrupt");
            return false;
          }
        };
        expect(isRight(assertEntryMetadata)).to.equal(isRight(decodeEntryMetadata));
      }),
    );
  });

  it("refuses lengths beyond any memory without allocating them", () => {
    for (const text of ["ffffffff0f0000000000000000", "ffffffffffffffffff01", "80000000000000000000", "ffffffff7f"]) {
      expect(
        formatErrorCode(() => decodeEntryMetadata(hex(text))),
        text,
      ).to.equal("entry_corrupt");
    }
  });
});
