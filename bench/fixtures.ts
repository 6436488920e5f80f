import { createCampaign } from "../src/campaign/create-campaign.ts";
import { applyVerb } from "../src/campaign/campaign-verbs.ts";
import { ledger, outcomeKey } from "../src/campaign/ledger/ledger.ts";
import { makeActorId, type ActorId } from "../src/formats/actor-id.ts";
import { actorKvSubspace, chunkRowKey, encodeEntryMetadata, metadataRowKey } from "../src/formats/actor-kv.ts";
import { concatBytes, u32be } from "../src/formats/bytes.ts";
import { PAGE_BYTES } from "../src/formats/sqlite-header.ts";
import { encodeFileMetadata, FILE_TAG, fileChunkPrefix, fileMetadataKey } from "../src/formats/v1-file.ts";
import { ThreadCodec } from "../src/migration/codec/thread-codec.ts";
import { DEFAULT_MIGRATION_OPTIONS, type MigrationContext, type MigrationOptions } from "../src/migration/context.ts";
import { migrateActor } from "../src/migration/migrate-actor.ts";
import { RandomPool } from "../src/migration/random-pool.ts";
import { storageTarget } from "../src/migration/targets/storage/storage-target.ts";
import type { Target } from "../src/migration/targets/target.ts";
import type { KeyValue, Store } from "../src/store/store.ts";
import { TEST_SPEC } from "../test/support/campaign-fleet.ts";
import { noIntegrityCheck } from "../test/support/no-integrity-check.ts";
import { syntheticImage } from "../test/support/v1-actors.ts";

/** Bytes that one transaction of a fixture writes. */
const FIXTURE_BYTES = 2_000_000;
const ENTRY_METADATA = encodeEntryMetadata({
  version: new Uint8Array(Buffer.from("2.1.0")),
  updateTs: 1_700_000_000_000n,
});
const NEVER = new AbortController().signal;

/** Ids spread over the space of ids as random ones are, the same at every run; `group` makes other ones. */
export function benchIds(count: number, group = 0): ActorId[] {
  return Array.from({ length: count }, (_, index) => benchId(index, group));
}

/** One of them. */
export function benchId(index: number, group = 0): ActorId {
  const random = Buffer.alloc(16);
  random.writeUInt32BE(Math.imul(index + 1 + group * 1_000_003, 2_654_435_761) >>> 0, 0);
  random.writeUInt32BE(group, 8);
  random.writeUInt32BE(index, 12);
  return makeActorId(random, 1);
}

/** An image of which every second page is text and the others random: LZ4 makes half of it, about as of a database of mixed rows. */
export function mixedImage(pageCount: number): Uint8Array {
  const image = syntheticImage(pageCount, "text");
  const random = syntheticImage(pageCount, "random");
  for (let page = 1; page < pageCount; page += 2) {
    image.set(random.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES), page * PAGE_BYTES);
  }
  return image;
}

/** The v1 rows of an actor with this main file. */
export function* imageRows(id: ActorId, image: Uint8Array): Generator<KeyValue, void, undefined> {
  yield* sizeRows(id, image.length);
  const prefix = fileChunkPrefix(FILE_TAG.main);
  for (let index = 0; index * PAGE_BYTES < image.length; index += 1) {
    const chunk = image.subarray(index * PAGE_BYTES, (index + 1) * PAGE_BYTES);
    yield* entryRows(id, concatBytes(prefix, u32be(index)), chunk);
  }
}

/** The rows that say how large an actor's main file is: all that a scan reads of it. */
export function sizeRows(id: ActorId, imageBytes: number): KeyValue[] {
  return entryRows(id, fileMetadataKey(FILE_TAG.main), encodeFileMetadata(BigInt(imageBytes)));
}

function entryRows(id: ActorId, key: Uint8Array, value: Uint8Array): KeyValue[] {
  const subspace = actorKvSubspace(id);
  return [
    { key: chunkRowKey(subspace, key, 0), value },
    { key: metadataRowKey(subspace, key), value: ENTRY_METADATA },
  ];
}

/** Writes rows, several thousand per transaction. */
export async function writeRows(store: Store, rows: Iterable<KeyValue>): Promise<void> {
  let batch: KeyValue[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    const taken = batch;
    batch = [];
    bytes = 0;
    await store.transact((tx) => {
      for (const { key, value } of taken) {
        tx.set(key, value);
      }
      return Promise.resolve();
    });
  };
  for (const row of rows) {
    batch.push(row);
    bytes += row.key.length + row.value.length;
    if (bytes >= FIXTURE_BYTES) {
      await flush();
    }
  }
  await flush();
}

/** Gives every actor the same image. */
export async function writeActors(store: Store, ids: readonly ActorId[], image: Uint8Array): Promise<void> {
  await writeRows(
    store,
    (function* () {
      for (const id of ids) {
        yield* imageRows(id, image);
      }
    })(),
  );
}

/** As a worker's: its thread starts with the first large image, and keeps no process alive. */
export const benchCodec = new ThreadCodec();
const random = new RandomPool();

/** A context as a worker has it, without a worker's metrics. */
export function benchContext(store: Store, parts: Partial<MigrationContext> = {}): MigrationContext {
  return {
    store,
    target: storageTarget,
    ledger,
    now: Date.now,
    randomBytes: (count) => random.take(count),
    codec: benchCodec,
    observer: { enter: () => undefined },
    checkIntegrity: noIntegrityCheck,
    ...parts,
  };
}

/** Migrates one actor. @throws Error when it is not migrated: a figure of anything else would mean nothing. */
export async function migrateOrThrow(
  context: MigrationContext,
  id: ActorId,
  options: Partial<MigrationOptions> = {},
): Promise<void> {
  const outcome = await migrateActor(context, id, { ...DEFAULT_MIGRATION_OPTIONS, ...options }, NEVER);
  if (outcome.state !== "migrated") {
    throw new Error(`an actor of the benchmark was not migrated: ${outcome.state} ${outcome.reason ?? ""}`);
  }
}

/** A running campaign of all actors of a store. */
export async function startCampaign(store: Store, name: string, window: number): Promise<void> {
  await createCampaign(store, { name, spec: TEST_SPEC, settings: { window } }, { who: "bench" }, Date.now());
  await applyVerb(store, name, "start", { author: { who: "bench" }, nowMs: Date.now() });
}

/** Makes an actor one that was never migrated. */
export async function unmigrate(store: Store, id: ActorId, target: Target = storageTarget): Promise<void> {
  await store.transact(async (tx) => {
    await target.undo(tx, id);
    tx.clear(outcomeKey(id));
  });
}
