import { randomBytes } from "node:crypto";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { concatBytes, u32be } from "../../src/formats/bytes.ts";
import { PAGE_BYTES } from "../../src/formats/sqlite-header.ts";
import { FILE_TAG } from "../../src/formats/v1-file.ts";
import { inOrder } from "../../src/migration/in-order.ts";
import { finishStaging, stagePages } from "../../src/migration/stage-pages.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import type { StagedRows, Target } from "../../src/migration/targets/target.ts";
import { fileChunkSpan } from "../../src/migration/v1/v1-keys.ts";
import type { Store } from "../../src/store/store.ts";
import type { Bench } from "../bench.ts";
import type { Figure, Result } from "../figure.ts";
import { benchCodec, benchContext, benchIds, migrateOrThrow, mixedImage, unmigrate, writeActors } from "../fixtures.ts";
import { alternate, secondsOf } from "../measure.ts";
import { type BenchTarget, onEachTarget, prepareTarget } from "../targets.ts";

const MIB = 1024 * 1024;
/** As the reader and the staged migration have it. */
const SPAN_CHUNKS = 128;
const SPAN_BYTES = SPAN_CHUNKS * PAGE_BYTES;
const READS_AHEAD = 4;
const WRITES_IN_FLIGHT = 3;
/** Where the copies go: a key that nobody else has. */
const ASIDE = Uint8Array.of(0x60);
const SCRAP = randomBytes(100_000);

/** Lengths of keys and values that one transaction sets. */
type Shape = readonly { readonly keyBytes: number; readonly valueBytes: number }[];

/** One large actor, as by default: with its digests, its codecs and the reading back; against the bytes alone. */
export const largeCopy: Figure = {
  name: "large",
  run: (bench) => onEachTarget(bench, measure),
};

function measure(bench: Bench, { target, suffix }: BenchTarget): Promise<Result[]> {
  return bench.withStore(async (store) => {
    const mebibytes = bench.full ? 128 : 32;
    const image = mixedImage((mebibytes * MIB) / PAGE_BYTES);
    const [id] = benchIds(1) as [ActorId];
    await writeActors(store, [id], image);
    await prepareTarget(store, target, id);
    const shapes = shapesOf(target, id, image);
    const copyAside = (): Promise<void> => rawCopy(store, id, image.length, shapes);
    const copy = async (): Promise<number> => {
      await clearAside(store);
      return mebibytes / (await secondsOf(copyAside));
    };
    const { subject, baseline, ratio } = await alternate(
      {
        subject: async () => {
          await unmigrate(store, id, target);
          return mebibytes / (await secondsOf(() => migrateOrThrow(benchContext(store, { target }), id)));
        },
        baseline: copy,
      },
      bench.rounds,
    );
    const common = {
      baseline: "raw copy: same v1 rows read in ranges, as many v2 bytes set, same parallelism",
      engine: store.engine,
      unit: "MiB/s",
    };
    const results: Result[] = [
      {
        ...common,
        figure: `large actor (${mebibytes} MiB)${suffix}`,
        subject,
        against: baseline,
        value: ratio,
        goal: { atLeast: 0.7 },
        note: bench.full ? "--verify on, the default" : "--verify on, the default; 128 MiB with --full",
      },
    ];
    if (target === storageTarget) {
      const compare = async (figure: string, run: () => Promise<unknown>): Promise<void> => {
        const subject = async (): Promise<number> => {
          await clearAside(store);
          return mebibytes / (await secondsOf(run));
        };
        const comparison = await alternate({ subject, baseline: copy }, bench.rounds);
        results.push({
          ...common,
          figure: `for comparison: ${figure}`,
          subject: comparison.subject,
          against: comparison.baseline,
          value: comparison.ratio,
        });
      };
      await compare("the same pages through the codec alone, there and back", () => throughCodec(image));
      await compare("the raw copy and the codec at once, neither waiting for the other", () =>
        Promise.all([copyAside(), throughCodec(image)]),
      );
    }
    return results;
  });
}

/** Hashes and compresses all pages, and inflates and hashes their blocks, as a migration that verifies does; no store takes part. */
async function throughCodec(image: Uint8Array): Promise<void> {
  const [there, back] = [benchCodec.begin(), benchCodec.begin()];
  const batches = Array.from({ length: Math.ceil(image.length / SPAN_BYTES) }, (_, span) => async (): Promise<void> => {
    const pages = pagesOf(image.subarray(span * SPAN_BYTES, (span + 1) * SPAN_BYTES));
    const { blocks, release } = await there.compress(pages);
    const inflated = back.inflate(blocks);
    release();
    await inflated;
  });
  for await (const _ of inOrder(batches, 2)) {
    // Only the digests matter.
  }
  const digests = await Promise.all([there.digest(), back.digest()]);
  there.end();
  back.end();
  if (digests[0] !== digests[1]) {
    throw new Error("the codec did not give back what it was given");
  }
}

/** What a migration of the image sets, transaction by transaction. */
function shapesOf(target: Target, id: ActorId, image: Uint8Array): Shape[] {
  const pageCount = image.length / PAGE_BYTES;
  const spec = { layout: target.layoutOf("shards"), pageCount, creationTsMs: 1 };
  const stager = target.makeStager(id, { ...spec, stage: target.newStage(spec, randomBytes(16)) });
  const shapes: Shape[] = [];
  const note = (staged: StagedRows): void => {
    shapes.push([...staged.rows].map(({ key, value }) => ({ keyBytes: key.length, valueBytes: value.length })));
    staged.release?.();
  };
  stagePages(stager, { firstPgno: 1, pages: pagesOf(image) }, note);
  finishStaging(stager, note);
  return shapes;
}

function pagesOf(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length / PAGE_BYTES }, (_, index) =>
    bytes.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES),
  );
}

async function rawCopy(store: Store, id: ActorId, imageBytes: number, shapes: readonly Shape[]): Promise<void> {
  const chunkCount = imageBytes / PAGE_BYTES;
  let read = 0;
  const reads = Array.from({ length: Math.ceil(chunkCount / SPAN_CHUNKS) }, (_, span) => async (): Promise<number> => {
    const range = fileChunkSpan(id, FILE_TAG.main, span * SPAN_CHUNKS, (span + 1) * SPAN_CHUNKS);
    return store.transact(async (tx) => {
      let bytes = 0;
      for await (const rows of tx.getRange(range, { snapshot: true })) {
        for (const row of rows) {
          bytes += row.value.length;
        }
      }
      return bytes;
    });
  });
  const writes = async function* (): AsyncGenerator<() => Promise<void>> {
    // As much is written after each read as a migration would have by then.
    let written = 0;
    let done = 0;
    for await (const bytes of inOrder(reads, READS_AHEAD)) {
      read += bytes;
      done += 1;
      for (; written < Math.floor((shapes.length * done) / reads.length); written += 1) {
        const index = written;
        yield () => writeShape(store, index, shapes[index] ?? []);
      }
    }
  };
  for await (const _ of inOrder(writes(), WRITES_IN_FLIGHT)) {
    // Only the commits matter.
  }
  if (read < imageBytes) {
    throw new Error("the baseline did not read the whole image");
  }
}

async function writeShape(store: Store, part: number, shape: Shape): Promise<void> {
  await store.transact((tx) => {
    shape.forEach(({ keyBytes, valueBytes }, index) => {
      const key = concatBytes(ASIDE, u32be(part), u32be(index), new Uint8Array(Math.max(0, keyBytes - 9)));
      tx.set(key, SCRAP.subarray(0, valueBytes));
    });
    return Promise.resolve();
  });
}

async function clearAside(store: Store): Promise<void> {
  await store.transact((tx) => {
    tx.clearRange({ begin: ASIDE, end: Uint8Array.of(0x61) });
    return Promise.resolve();
  });
}
