import { expect } from "chai";
import { parseActorId } from "../../src/formats/actor-id.ts";
import { toHex } from "../../src/formats/bytes.ts";
import { FormatError } from "../../src/formats/format-error.ts";
import { KEYWORD, packActorId, packTuple, unpackTuple } from "../../src/formats/tuple.ts";
import { testActor } from "../support/v1-actors.ts";
import { vectorJson } from "./vectors.ts";

describe("tuples", () => {
  it("encode as FoundationDB's tuple layer specifies", () => {
    expect(toHex(packTuple())).to.equal("");
    expect(toHex(packTuple(0))).to.equal("14");
    expect(toHex(packTuple(1, 255, 256, 65_535, 65_536, 0xffffffff))).to.equal(
      "150115ff16010016ffff1701000018ffffffff",
    );
    expect(toHex(packTuple(-1))).to.equal("13fe");
    // The specification's own examples.
    expect(toHex(packTuple("FÔO\0bar"))).to.equal("0246c3944f00ff62617200");
    expect(toHex(packTuple(Buffer.from("foo\0bar", "latin1")))).to.equal("01666f6f00ff62617200");
    expect(toHex(packTuple(Uint8Array.of(0, 255, 0)))).to.equal("0100ffff00ff00");
    expect(toHex(packTuple(-5_551_212n))).to.equal("11ab4b93");
  });

  it("are read back where they hold strings and numbers, and refused where they hold anything else", () => {
    for (const items of [[], ["", "a\0b", "FÔO"], [0, 1, 255, 256, -1, 1_800_000_000_000, "x"]]) {
      expect(unpackTuple(packTuple(...items))).to.deep.equal(items);
    }
    for (const packed of [packTuple(Uint8Array.of(1)), packTuple(2n ** 60n), packActorId(testActor(1).id)]) {
      expect(() => unpackTuple(packed))
        .to.throw(FormatError)
        .with.property("code", "tuple_invalid");
    }
  });

  it("know the engine's key words", () => {
    expect(KEYWORD).to.deep.equal({
      RIVET: 0,
      PEGBOARD: 3,
      DATA: 4,
      ACTOR: 32,
      METADATA: 44,
      ACTOR_KV: 72,
    });
  });

  it("hold an actor id as the user type 0x40 and its bytes", () => {
    for (const { bytes, text } of vectorJson("actor-ids.json") as { bytes: string; text: string }[]) {
      expect(toHex(packActorId(parseActorId(text)))).to.equal(`40${bytes}`);
    }
  });

  it("share no memory, so that whoever edits one changes no other", () => {
    const packed = packTuple("ferry");
    expect(packed.constructor).to.equal(Uint8Array);
    expect(packed.buffer.byteLength).to.equal(packed.length);
  });
});
