/*
 * An LZ4 block, as LZ4's own "Block Format Description" has it: sequences, one after the other, of
 *
 *   token              1 byte: literal length in the high four bits, match length less 4 in the low four
 *   more of the first  where it is 15: bytes to add, up to and with the first that is not 255
 *   literals
 *   offset             2 bytes, little-endian: how far back the match lies, never 0
 *   more of the second where it is 15: as above
 *
 * The last sequence ends with its literals.
 */
const MIN_MATCH = 4;
const LENGTH_GOES_ON = 15;

/** How many bytes a block inflates to; undefined where it is none, has a match before its beginning, or gives more than `mostBytes`. */
export function lz4InflatedBytes(block: Uint8Array, mostBytes: number): number | undefined {
  const end = block.length;
  let inflated = 0;
  let at = 0;
  // Bytes past the end are undefined, and become 0: a length that runs off the end is found out by where it leads.
  const rest = (nibble: number): number => {
    let length = nibble;
    if (nibble === LENGTH_GOES_ON) {
      let byte;
      do {
        byte = block[at++] ?? 0;
        length += byte;
      } while (byte === 255);
    }
    return length;
  };
  while (at < end) {
    const token = block[at++] ?? 0;
    const literals = rest(token >>> 4);
    at += literals;
    inflated += literals;
    if (at >= end) {
      return at === end && inflated <= mostBytes ? inflated : undefined;
    }
    const offset = (block[at] ?? 0) | ((block[at + 1] ?? 0) << 8);
    at += 2;
    if (offset === 0 || offset > inflated) {
      return undefined;
    }
    inflated += rest(token & LENGTH_GOES_ON) + MIN_MATCH;
    if (inflated > mostBytes) {
      return undefined;
    }
  }
  return undefined;
}
