import { InvariantError } from "../errors.ts";
import { PAGE_BYTES } from "../formats/sqlite-header.ts";
import type { BorrowedBlocks, ImagePass } from "./codec/codec.ts";
import type { AttemptObserver } from "./context.ts";
import { inOrder } from "./in-order.ts";
import type { ImageFacts } from "./outcome.ts";
import type { PageBatch } from "./pages.ts";
import type { StagedRange } from "./stage-progress.ts";
import type { BegunStage } from "./stage-steps.ts";
import type { StagedRows } from "./targets/target.ts";

/** Batches of pages with the codec at once: one in work and one that waits for it. */
const ENCODES_IN_FLIGHT = 2;
/** Staging transactions under way at once: hides the commit's latency, bounds memory to so many megabytes. */
const WRITES_IN_FLIGHT = 3;

/** What was staged: the image's facts as read from v1, and what its rows add to the storage used. */
export interface StagedFacts {
  readonly facts: ImageFacts;
  readonly storageBytes: number;
}

/** Writes an image's pages as rows of a stage, all but those that an earlier attempt has committed: these are hashed only. */
export async function stageImage(begun: BegunStage, batches: AsyncIterable<PageBatch>): Promise<StagedFacts> {
  const { codec, observer } = begun.fence.attempt.context;
  const { pageCount } = begun.spec;
  // Rows of no page, as an empty image may have, are written and counted anew.
  const committed = begun.committed.filter((range) => range.endPgno > range.firstPgno);
  let storageBytes = committed.reduce((sum, range) => sum + range.storageBytes, 0);
  const pass = codec.begin();
  try {
    const encoded = inOrder(encode(batches, { pass, committed, observer }), ENCODES_IN_FLIGHT);
    for await (const written of inOrder(write(begun, encoded), WRITES_IN_FLIGHT)) {
      storageBytes += written;
      observer.enter("read");
    }
    const sha256 = await pass.digest();
    return { facts: { pages: pageCount, bytes: pageCount * PAGE_BYTES, sha256 }, storageBytes };
  } finally {
    pass.end();
  }
}

/** Pages in order, as far as they are `toWrite` with their blocks. */
interface EncodedBatch extends BorrowedBlocks {
  readonly firstPgno: number;
  readonly toWrite: readonly boolean[];
}

/** Gives the encoding of pages as tasks, in order: all pages are hashed, those of rows that are committed are not compressed. */
async function* encode(
  batches: AsyncIterable<PageBatch>,
  by: { pass: ImagePass; committed: readonly StagedRange[]; observer: AttemptObserver },
): AsyncGenerator<() => Promise<EncodedBatch>, void, undefined> {
  const { pass, observer } = by;
  const isCommitted = inRanges(by.committed);
  for await (const { firstPgno, pages, hold } of batches) {
    const toWrite = pages.map((_, index) => !isCommitted(firstPgno + index));
    const held = toWrite.includes(true) ? hold?.() : undefined;
    yield async () => {
      observer.enter("encode");
      if (toWrite.includes(true)) {
        const { blocks, release } = await pass.compress(pages, held?.memory);
        return {
          firstPgno,
          toWrite,
          blocks,
          release: () => {
            release();
            held?.release();
          },
        };
      }
      await pass.hash(pages);
      return { firstPgno, toWrite, blocks: [], release: () => undefined };
    };
    observer.enter("read");
  }
}

/** Gives the commits of staged rows as tasks, in order, each resolving to the storage bytes it added. */
async function* write(
  { fence, spec }: BegunStage,
  batches: AsyncIterable<EncodedBatch>,
): AsyncGenerator<() => Promise<number>, void, undefined> {
  const { context, id } = fence.attempt;
  const { observer, target } = context;
  const stager = target.makeStager(id, spec);
  const commit = (staged: StagedRows) => async (): Promise<number> => {
    if (staged.storageBytes > 0) {
      await fence.write(staged);
    }
    staged.release?.();
    return staged.storageBytes;
  };
  let skipping = false;
  for await (const { firstPgno, toWrite, blocks, release } of batches) {
    for (let index = 0; index < toWrite.length; index += 1) {
      const isToWrite = toWrite[index] === true;
      if (isToWrite) {
        stager.add(firstPgno + index, blockAt(blocks, index));
      }
      // What is held before committed pages is of a range of its own.
      if (stager.ready || (!isToWrite && !skipping)) {
        observer.enter("write");
        yield commit(stager.take());
      }
      skipping = !isToWrite;
    }
    release();
    await fence.renewWhenDue();
  }
  observer.enter("write");
  yield commit(stager.finish());
  while (stager.ready) {
    yield commit(stager.take());
  }
}

function blockAt(blocks: readonly Uint8Array[], index: number): Uint8Array {
  const block = blocks[index];
  if (block === undefined) {
    throw new InvariantError("the codec gave fewer blocks than pages", { details: { index, blocks: blocks.length } });
  }
  return block;
}

/** Tells of page numbers that rise from call to call whether they lie in one of the ranges, which are in order. */
function inRanges(ranges: readonly StagedRange[]): (pgno: number) => boolean {
  let next = 0;
  return (pgno) => {
    while (next < ranges.length && (ranges[next]?.endPgno ?? 0) <= pgno) {
      next += 1;
    }
    const range = ranges[next];
    return range !== undefined && range.firstPgno <= pgno;
  };
}
