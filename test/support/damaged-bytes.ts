import type { SeededRandom } from "./reference-random.ts";

type Damage = (bytes: Uint8Array, random: SeededRandom) => Uint8Array;

const EXTREMES = [0, 1, 0x7f, 0x80, 0xfe, 0xff];

const DAMAGES: readonly Damage[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    return bytes.map((byte, index) => (index === at ? byte ^ (1 << random.below(8)) : byte));
  },
  function putExtreme(bytes, random) {
    const [at, length, byte] = [random.below(bytes.length), 1 + random.below(8), random.pick(EXTREMES)];
    return bytes.map((old, index) => (index >= at && index < at + length ? byte : old));
  },
  function cut(bytes, random) {
    return bytes.slice(0, random.below(bytes.length));
  },
  function cutStart(bytes, random) {
    return bytes.slice(random.below(bytes.length));
  },
  function remove(bytes, random) {
    const at = random.below(bytes.length);
    return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random.below(9))]);
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length + 1);
    return Uint8Array.from([...bytes.subarray(0, at), ...random.bytes(1 + random.below(9)), ...bytes.subarray(at)]);
  },
  function repeat(bytes, random) {
    const [at, length] = [random.below(bytes.length), 1 + random.below(40)];
    return Uint8Array.from([...bytes.subarray(0, at + length), ...bytes.subarray(at)]);
  },
  function swap(bytes, random) {
    const [from, to, length] = [random.below(bytes.length), random.below(bytes.length), 1 + random.below(16)];
    const swapped = Uint8Array.from(bytes);
    swapped.set(bytes.subarray(from, from + length).subarray(0, bytes.length - to), to);
    return swapped;
  },
];

/** Copies of some bytes after one to three accidents each: bits flipped, parts cut, put in, repeated, moved. */
export function damaged(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  let result = bytes;
  for (let count = 1 + random.below(3); count > 0 && result.length > 0; count -= 1) {
    result = random.pick(DAMAGES)(result, random);
  }
  return Uint8Array.from(result);
}
