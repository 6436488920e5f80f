import { expect } from "chai";
import { toHex } from "../../src/formats/bytes.ts";
import {
  deltaKey,
  deltaPrefix,
  deltaTxidPrefix,
  META_KEY_BYTES,
  metaKey,
  PIDX_KEY_BYTES,
  pidxKey,
  pidxPrefix,
  shardKey,
  shardPrefix,
  V2_SUBSPACE,
  v2ActorPrefix,
} from "../../src/formats/v2-keys.ts";
import { logicalKey } from "../support/reference.ts";
import { testActor } from "../support/v1-actors.ts";

const ACTOR = testActor(6);
const { id } = ACTOR;
const text = (...suffix: (string | Uint8Array)[]): string => toHex(logicalKey(ACTOR, ...suffix));

describe("v2 keys", () => {
  it("lie in the engine's subspace", () => {
    expect(toHex(V2_SUBSPACE)).to.equal("1415030273716c6974652d73746f7261676500");
  });

  it("are those of FORMATS, to the largest numbers", () => {
    expect(toHex(v2ActorPrefix(id))).to.equal(text());
    expect(toHex(metaKey(id))).to.equal(text("/META"));
    expect(toHex(deltaPrefix(id))).to.equal(text("/DELTA/"));
    expect(toHex(deltaTxidPrefix(id, 1n))).to.equal(text("/DELTA/\0\0\0\0\0\0\0\x01/"));
    expect(toHex(deltaKey(id, 2n ** 64n - 1n, 0xffffffff))).to.equal(
      text("/DELTA/", new Uint8Array(8).fill(255), "/", new Uint8Array(4).fill(255)),
    );
    expect(toHex(deltaKey(id, 0x0102n, 0x03))).to.equal(text("/DELTA/\0\0\0\0\0\0\x01\x02/\0\0\0\x03"));
    expect(toHex(pidxPrefix(id))).to.equal(text("/PIDX/delta/"));
    expect(toHex(pidxKey(id, 0x01020304))).to.equal(text("/PIDX/delta/\x01\x02\x03\x04"));
    expect(toHex(shardPrefix(id))).to.equal(text("/SHARD/"));
    expect(toHex(shardKey(id, 0xfffffffe))).to.equal(text("/SHARD/", Uint8Array.of(255, 255, 255, 254)));
  });

  it("have the lengths that the storage used is counted with", () => {
    expect(metaKey(id)).to.have.lengthOf(META_KEY_BYTES);
    expect(pidxKey(id, 1)).to.have.lengthOf(PIDX_KEY_BYTES);
  });
});
