import { randomBytes } from "node:crypto";
import type { ActorId } from "../../src/formats/actor-id.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { migrateActor } from "../../src/migration/migrate-actor.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import { openStore } from "../../src/store/open-store.ts";
import { contextOn, TestClock } from "./reference-attempt.ts";

/** Migrates an actor in this process, without a queue. */
export async function migrateHere(storeUrl: string, id: ActorId): Promise<Outcome> {
  const store = await openStore(storeUrl);
  try {
    const context = contextOn(store, new TestClock(), { now: Date.now, randomBytes });
    return await migrateActor(context, id, DEFAULT_MIGRATION_OPTIONS, new AbortController().signal);
  } finally {
    await store.close();
  }
}
