import type { ActorId } from "../../src/formats/actor-id.ts";
import { decodeLtx } from "../../src/formats/ltx.ts";
import { decompressPage } from "../../src/formats/page-codec.ts";
import { PAGE_BYTES } from "../../src/formats/sqlite-header.ts";
import { decodeSplitHead, joinPieces, physicalKey } from "../../src/formats/split-value.ts";
import { deltaTxidPrefix, metaKey, pidxPrefix, shardKey, V2_SUBSPACE } from "../../src/formats/v2-keys.ts";
import { logicalRange, piecesRange } from "../../src/migration/targets/storage/storage-rows.ts";
import { storeRows, type Rows } from "../../src/migration/rows.ts";
import type { KeyValue } from "../../src/store/store.ts";
import type { Figure } from "../figure.ts";
import { benchContext, benchIds, migrateOrThrow, mixedImage, unmigrate, writeActors } from "../fixtures.ts";
import { compareRounds } from "../measure.ts";

const MEBIBYTES = 64;

/** Counted, not timed: bytes that the engine reads before it can serve page 1 of an actor that wakes after its migration. */
export const firstPage: Figure = {
  name: "first-page",
  run: (bench) =>
    bench.withStore(async (store) => {
      const image = mixedImage((MEBIBYTES * 1024 * 1024) / PAGE_BYTES);
      const [id] = benchIds(1) as [ActorId];
      await writeActors(store, [id], image);
      const bytesOf = async (layout: "shards" | "delta"): Promise<number> => {
        await unmigrate(store, id);
        await migrateOrThrow(benchContext(store), id, { layout });
        const counter = countingRows(storeRows(store, new AbortController().signal));
        const page = await readFirstPageAsTheEngine(counter.rows, id);
        if (Buffer.compare(page, image.subarray(0, PAGE_BYTES)) !== 0) {
          throw new Error("page 1 is not what was migrated");
        }
        return counter.bytes();
      };
      const { subject, baseline, ratio } = compareRounds([await bytesOf("delta")], [await bytesOf("shards")]);
      return [
        {
          figure: `bytes read for the first page of ${MEBIBYTES} MiB, layout delta`,
          baseline: "layout shards",
          engine: store.engine,
          unit: "bytes",
          subject,
          against: baseline,
          value: ratio,
          goal: { atLeast: 10 },
        },
      ];
    }),
};

/** META, the whole PIDX, and the whole blob that holds the page: the engine caches PIDX at its start and decodes blobs whole. */
async function readFirstPageAsTheEngine(rows: Rows, id: ActorId): Promise<Uint8Array> {
  await rows.get(physicalKey(V2_SUBSPACE, metaKey(id)));
  const pidx = await collect(rows, logicalRange(pidxPrefix(id)));
  const blob =
    pidx.length === 0
      ? await readValue(rows, { key: physicalKey(V2_SUBSPACE, shardKey(id, 0)) })
      : Buffer.concat(
          await Promise.all(
            (await collect(rows, logicalRange(deltaTxidPrefix(id, 1n)))).map((row) => readValue(rows, row)),
          ),
        );
  const block = decodeLtx(blob).blocks.find(({ pgno }) => pgno === 1)?.block;
  if (block === undefined) {
    throw new Error("page 1 is not where v2 says it is");
  }
  return decompressPage(block);
}

async function readValue(rows: Rows, row: { key: Uint8Array; value?: Uint8Array }): Promise<Uint8Array> {
  const value = row.value ?? (await rows.get(row.key));
  if (value === undefined) {
    throw new Error("a row of the first page is missing");
  }
  const head = decodeSplitHead(value);
  if (head.kind === "inline") {
    return head.value;
  }
  const pieces = await collect(rows, piecesRange(row.key.subarray(V2_SUBSPACE.length)));
  return joinPieces(
    head,
    pieces.map((piece) => piece.value),
  );
}

async function collect(rows: Rows, range: Parameters<Rows["getRange"]>[0]): Promise<KeyValue[]> {
  const found: KeyValue[] = [];
  for await (const batch of rows.getRange(range)) {
    found.push(...batch);
  }
  return found;
}

/** Counts keys and values as they come out of the store. */
function countingRows(rows: Rows): { rows: Rows; bytes: () => number } {
  let bytes = 0;
  return {
    bytes: () => bytes,
    rows: {
      get: async (key) => {
        const value = await rows.get(key);
        bytes += key.length + (value?.length ?? 0);
        return value;
      },
      async *getRange(range) {
        for await (const batch of rows.getRange(range)) {
          for (const row of batch) {
            bytes += row.key.length + row.value.length;
          }
          yield batch;
        }
      },
    },
  };
}
