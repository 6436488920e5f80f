import { expect } from "chai";
import fc from "fast-check";
import { actorLabel, decodeActorId, encodeActorId, makeActorId, parseActorId } from "../../src/formats/actor-id.ts";
import { toHex } from "../../src/formats/bytes.ts";
import {
  anyBytes,
  asPooledBuffer,
  bitFlips,
  formatErrorCode,
  holds,
  prefixes,
} from "../support/reference-properties.ts";
import { idText } from "../support/v1-actors.ts";
import { hex, vectorJson } from "./vectors.ts";

const VECTORS = vectorJson("actor-ids.json") as { bytes: string; text: string }[];

describe("actor ids", () => {
  it("read and write the golden vectors both ways", () => {
    expect(VECTORS).to.have.lengthOf.at.least(5);
    for (const { bytes, text } of VECTORS) {
      expect(decodeActorId(hex(bytes))).to.equal(text);
      expect(toHex(encodeActorId(parseActorId(text)))).to.equal(bytes);
    }
  });

  it("are the same in upper case", () => {
    for (const { text } of VECTORS) {
      expect(parseActorId(text.toUpperCase())).to.equal(text);
    }
  });

  it("carry their label in the last two bytes, big-endian", () => {
    const labels = VECTORS.map(({ text }) => actorLabel(parseActorId(text)));
    expect(labels).to.deep.equal([0, 1, 2, 0xff, 0xffff, 0, 0xffff]);
  });

  it("are read from a Buffer inside other memory", () => {
    for (const { bytes, text } of VECTORS) {
      expect(decodeActorId(asPooledBuffer(hex(bytes)))).to.equal(text);
    }
  });

  it("refuse every other length of bytes and of text", () => {
    for (const { bytes, text } of VECTORS) {
      for (const prefix of prefixes(hex(bytes))) {
        expect(formatErrorCode(() => decodeActorId(prefix))).to.equal("actor_id_invalid");
      }
      expect(formatErrorCode(() => decodeActorId(hex(`${bytes}00`)))).to.equal("actor_id_invalid");
      for (let length = 0; length < text.length; length += 1) {
        expect(formatErrorCode(() => parseActorId(text.slice(0, length)))).to.equal("actor_id_invalid");
      }
      expect(formatErrorCode(() => parseActorId(`${text}0`))).to.equal("actor_id_invalid");
    }
  });

  it("refuse every other version", () => {
    for (let version = 0; version < 256; version += 1) {
      const bytes = Uint8Array.from([version, ...new Uint8Array(18)]);
      if (version === 1) {
        expect(decodeActorId(bytes)).to.equal(`1${"0".repeat(29)}`);
      } else {
        expect(formatErrorCode(() => decodeActorId(bytes))).to.equal("actor_id_invalid");
        expect(formatErrorCode(() => parseActorId(idText(bytes)))).to.equal("actor_id_invalid");
      }
    }
  });

  it("refuse foreign characters anywhere", () => {
    const text = VECTORS[0]?.text ?? "";
    for (const character of ["-", " ", "\n", "\0", "_", "é", "\u017f", "\u212a", "/", ":", "`", "{", "["]) {
      for (let at = 0; at < text.length; at += 1) {
        const wrong = text.slice(0, at) + character + text.slice(at + 1);
        expect(formatErrorCode(() => parseActorId(wrong))).to.equal("actor_id_invalid");
      }
    }
  });

  it("refuse numbers of more than 19 bytes", () => {
    expect(formatErrorCode(() => parseActorId("z".repeat(30)))).to.equal("actor_id_invalid");
    // 2^152 + 1: the smallest such number that would pass for version 1.
    const smallest = ((1n << 152n) + 1n).toString(36).padStart(30, "0").split("").reverse().join("");
    expect(formatErrorCode(() => parseActorId(smallest))).to.equal("actor_id_invalid");
  });

  it("differ in text whenever they differ in a bit", () => {
    const bytes = hex(VECTORS[0]?.bytes ?? "");
    const texts = new Set([idText(bytes)]);
    for (const { flipped, bit } of bitFlips(bytes)) {
      if (bit >= 8) {
        texts.add(decodeActorId(flipped));
      }
    }
    expect(texts.size).to.equal(1 + 18 * 8);
  });

  it("agree with a naive conversion and come back", () => {
    holds(
      fc.property(anyBytes(18, 18), (rest) => {
        const bytes = Uint8Array.from([1, ...rest]);
        const id = decodeActorId(bytes);
        expect(id).to.equal(idText(bytes));
        expect(parseActorId(id)).to.equal(id);
        expect(encodeActorId(id)).to.deep.equal(bytes);
      }),
      1000,
    );
  });

  it("are made as UUIDs of version 4 with a label", () => {
    holds(
      fc.property(anyBytes(16, 16), fc.integer({ min: 0, max: 0xffff }), (random, label) => {
        const bytes = encodeActorId(makeActorId(random, label));
        expect(bytes[0]).to.equal(1);
        expect((bytes[7] ?? 0) >> 4).to.equal(4);
        expect((bytes[9] ?? 0) >> 6).to.equal(2);
        expect(actorLabel(makeActorId(random, label))).to.equal(label);
      }),
    );
  });
});
