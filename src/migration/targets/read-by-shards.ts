import { ByteBuffer } from "../../formats/byte-buffer.ts";
import { SHARD_PAGES } from "../../formats/db-head.ts";
import { Pool } from "../../formats/pool.ts";
import { inOrder } from "../in-order.ts";
import type { BlockBatch } from "../pages.ts";
import type { ShardOutline } from "./shard-walk.ts";

/** Shards read in one transaction: about a megabyte where nothing compresses. */
const SHARDS_TOGETHER = 4;
/** Such transactions ahead of their use. */
const READ_AHEAD = 2;
/** Room for each page of a blob of which half compresses to little. */
const ROOM_FOR_PAGE_BYTES = 2_800;

/** A shard of which was read what its blocks are made of. */
export interface ReadShard extends ShardOutline {
  /** What blocks lie in, to be used again. */
  readonly memories: readonly ByteBuffer[];
}

/** What the blobs of shards are put together in while an image of so many pages is read, each used again. */
export function blobMemories(pageCount: number): Pool<ByteBuffer> {
  const roomBytes = Math.min(pageCount, SHARD_PAGES) * ROOM_FOR_PAGE_BYTES;
  return new Pool(() => new ByteBuffer(0, roomBytes), SHARDS_TOGETHER * (READ_AHEAD + 1));
}

/**
 * Reads an image a few shards at a time, ahead of their use: `read` gives what each needs, `blocksOf` the blocks of its pages, one shard
 * after the other. Blocks are good until the next ones are asked for; then `memories` has what they lay in.
 */
export async function* readByShards<S extends ReadShard>(
  outlines: AsyncGenerator<ShardOutline, void, undefined>,
  by: {
    readonly memories: Pool<ByteBuffer>;
    readonly read: (together: readonly ShardOutline[]) => Promise<readonly S[]>;
    readonly blocksOf: (shard: S) => Promise<Uint8Array[]>;
  },
): AsyncGenerator<BlockBatch, void, undefined> {
  for await (const shards of inOrder(readings(outlines, by.read), READ_AHEAD)) {
    const blocks: Uint8Array[] = [];
    for (const shard of shards) {
      blocks.push(...(await by.blocksOf(shard)));
    }
    yield { firstPgno: shards[0]?.firstPgno ?? 1, blocks };
    for (const memory of shards.flatMap(({ memories }) => memories)) {
      by.memories.give(memory);
    }
  }
}

async function* readings<S>(
  outlines: AsyncGenerator<ShardOutline, void, undefined>,
  read: (together: readonly ShardOutline[]) => Promise<readonly S[]>,
): AsyncGenerator<() => Promise<readonly S[]>, void, undefined> {
  let together: ShardOutline[] = [];
  for await (const outline of outlines) {
    together.push(outline);
    if (together.length === SHARDS_TOGETHER) {
      const full = together;
      together = [];
      yield () => read(full);
    }
  }
  if (together.length > 0) {
    yield () => read(together);
  }
}
