import { expect } from "chai";
import fc from "fast-check";
import { SETTINGS } from "../../src/config/settings.ts";
import { toHex } from "../../src/formats/bytes.ts";
import {
  decodeLease,
  encodeLease,
  isInForce,
  LONGEST_LEASE_MS,
  readLease,
  writeLease,
  type Lease,
} from "../../src/migration/lease.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { anyBytes, asPooledBuffer, bitFlips, holds, prefixes } from "../support/reference-properties.ts";
import { bytesOf, testActor } from "../support/v1-actors.ts";

const ACTOR = testActor(1);
const LEASE: Lease = {
  token: new Uint8Array(16).fill(7),
  image: "storage/delta/66/ab",
  sleepTs: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 5),
  head: new Uint8Array(74).fill(9),
};

const anyLease: fc.Arbitrary<Lease> = fc.record({
  token: anyBytes(16, 16),
  image: fc.string(),
  sleepTs: fc.option(anyBytes(20), { nil: undefined }),
  head: anyBytes(400),
});

describe("a lease", () => {
  it("comes back from its row, whatever it holds, also when rows are Buffers inside other memory", () => {
    holds(
      fc.property(anyLease, (lease) => {
        const row = encodeLease(lease);
        expect(decodeLease(row)).to.deep.equal(lease);
        expect(decodeLease(asPooledBuffer(row))).to.deep.equal(lease);
        const pooled = { ...lease, token: asPooledBuffer(lease.token), head: asPooledBuffer(lease.head) };
        expect(toHex(encodeLease(pooled))).to.equal(toHex(row));
      }),
    );
  });

  it("is not understood when it is cut, longer or of another version", () => {
    const row = encodeLease(LEASE);
    for (const prefix of prefixes(row)) {
      expect(decodeLease(prefix)).to.equal(undefined);
    }
    expect(decodeLease(bytesOf(row, 0))).to.equal(undefined);
    for (let version = 0; version < 256; version += 1) {
      row[0] = version;
      expect(decodeLease(row) === undefined).to.equal(version !== 1);
    }
  });

  it("is another lease, or none, with any bit flipped", () => {
    for (const { flipped, bit } of bitFlips(encodeLease(LEASE))) {
      expect(decodeLease(flipped), String(bit)).not.to.deep.equal(LEASE);
    }
  });

  it("is held until its expiry, and one without a readable expiry no longer", async () => {
    const store = new MemoryStore();
    const held = async (): Promise<unknown> =>
      store.transact(async (tx) => (await readLease(tx, ACTOR.id))?.expiresAtMs);
    expect(await held()).to.equal(undefined);
    await store.transact(async (tx) => {
      writeLease(tx, ACTOR.id, LEASE, 1_713_456_789_123);
      await Promise.resolve();
    });
    expect(await held()).to.equal(1_713_456_789_123);
    store.load([{ key: bytesOf(2, "ferry", 0, 2, "lease_expiry", 0, 2, ACTOR.id, 0), value: new Uint8Array(3) }]);
    expect(await held()).to.equal(0);
  });

  it("is in force until its expiry, unless that is farther off than the longest one lasts that can be configured", () => {
    const inForce = (inMs: number): boolean => {
      const nowMs = 1_713_456_789_123;
      return isInForce({ row: encodeLease(LEASE), lease: LEASE, expiresAtMs: nowMs + inMs }, nowMs);
    };
    expect([inForce(-1), inForce(0), inForce(1), inForce(LONGEST_LEASE_MS)]).to.deep.equal([false, false, true, true]);
    // Another's clock may be a bit ahead.
    expect([inForce(LONGEST_LEASE_MS + 60_000), inForce(LONGEST_LEASE_MS + 60_001)]).to.deep.equal([true, false]);
    expect(SETTINGS.leaseMs.parse("1h")).to.deep.equal({ value: LONGEST_LEASE_MS });
    expect(SETTINGS.leaseMs.parse("61m")).to.have.property("expected");
  });
});
