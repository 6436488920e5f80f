import { PAGE } from "./v1-actors.ts";

/* SQLite's freelist, read from its file format's description with an image in hand: nothing here knows how Ferry does it. */

/** The pages of a freelist by their numbers from 1, in the order of the list. */
export interface ReferenceFreelist {
  readonly trunks: readonly number[];
  readonly leaves: readonly number[];
}

/** The freelist of an image if it is whole: each page on it once and inside the image, and as many as page 1 says. */
export function freelistOf(image: Uint8Array): ReferenceFreelist | undefined {
  const bytes = Buffer.from(image);
  const pageCount = image.length / PAGE;
  const u32 = (pageNumber: number, offset: number): number => bytes.readUInt32BE((pageNumber - 1) * PAGE + offset);
  const trunks: number[] = [];
  const leaves: number[] = [];
  const mostLeaves = (PAGE - (bytes[20] ?? 0) - 8) >> 2;
  for (let trunk = u32(1, 32); trunk !== 0; trunk = u32(trunk, 0)) {
    if (trunk > pageCount || trunks.includes(trunk) || u32(trunk, 4) > mostLeaves) {
      return undefined;
    }
    trunks.push(trunk);
    for (let leaf = 0; leaf < u32(trunk, 4); leaf += 1) {
      leaves.push(u32(trunk, 8 + 4 * leaf));
    }
  }
  const all = [...trunks, ...leaves];
  const isWhole =
    all.length === u32(1, 36) &&
    new Set(all).size === all.length &&
    all.every((pageNumber) => pageNumber > 1 && pageNumber <= pageCount);
  return isWhole ? { trunks, leaves } : undefined;
}
