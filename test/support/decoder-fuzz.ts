import { expect } from "chai";
import { FormatError } from "../../src/formats/format-error.ts";
import { damaged } from "./damaged-bytes.ts";
import { asPooledBuffer } from "./reference-properties.ts";
import { SeededRandom } from "./reference-random.ts";
import { forEachSeed, LONG, SEED, seedCount, Tally } from "./run-options.ts";

/** A decoder, what it is made for, and what must hold of whatever it reads. */
export interface Decoder<T> {
  readonly samples: readonly Uint8Array[];
  /** Undefined says that the bytes are none; a FormatError too. */
  readonly decode: (bytes: Uint8Array) => T | undefined;
  /** Whether there are no bytes that it refuses. */
  readonly readsAnything?: true;
  /** The only bytes that mean this. Absent where several spellings of a value are allowed, or only a part of the bytes is looked at. */
  readonly encode?: (value: T) => Uint8Array;
  /** What else is so of a value read from these bytes. */
  readonly check?: (value: T, bytes: Uint8Array) => void;
}

/** Declares a test of a decoder on damaged copies of its samples: it refuses them, or what it reads is what they say. */
export function itReadsNothingWrong<T>(spec: string, name: string, decoder: Decoder<T>): void {
  const seeds = seedCount({ short: 300, long: 20_000 });
  it(`${name} is refused, or read as what it says (${seeds} seeds from ${SEED})`, async function () {
    this.timeout(LONG ? 600_000 : 60_000);
    decoder.samples.forEach((sample) => {
      expect(tryDecoder(decoder, sample)).to.equal("read");
    });
    const seen = new Tally();
    await forEachSeed(spec, seeds, (seed) => {
      const random = new SeededRandom(seed);
      seen.add(tryDecoder(decoder, damaged(random.pick(decoder.samples), random)));
      return Promise.resolve();
    });
    if (seeds >= 300 && decoder.readsAnything !== true) {
      expect(seen.of("refused"), seen.toString()).to.be.above(0);
    }
  });
}

function tryDecoder<T>({ decode, encode, check }: Decoder<T>, bytes: Uint8Array): "refused" | "read" {
  const hex = (value: Uint8Array): string => Buffer.from(value).toString("hex");
  let value: T | undefined;
  try {
    value = decode(asPooledBuffer(bytes));
  } catch (error) {
    expect(error, hex(bytes)).to.be.instanceOf(FormatError);
  }
  if (value === undefined) {
    return "refused";
  }
  if (encode !== undefined) {
    expect(hex(encode(value))).to.equal(hex(bytes));
  }
  check?.(value, bytes);
  return "read";
}
