import { randomBytes } from "node:crypto";
import { ledger } from "../../src/campaign/ledger.ts";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { inlineCodec } from "../../src/migration/codec/inline-codec.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { migrateActor } from "../../src/migration/migrate-actor.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import { openStore } from "../../src/store/open-store.ts";
import { noIntegrityCheck } from "./no-integrity-check.ts";

/** Migrates an actor in this process, without a queue. */
export async function migrateHere(storeUrl: string, id: ActorId): Promise<Outcome> {
  const store = await openStore(storeUrl);
  try {
    return await migrateActor(
      {
        store,
        target: storageTarget,
        ledger,
        now: Date.now,
        randomBytes,
        codec: inlineCodec,
        observer: { enter: () => undefined },
        checkIntegrity: noIntegrityCheck,
      },
      id,
      DEFAULT_MIGRATION_OPTIONS,
      new AbortController().signal,
    );
  } finally {
    await store.close();
  }
}
