import { ledger } from "../../src/campaign/ledger/ledger.ts";
import { inlineCodec } from "../../src/migration/codec/inline-codec.ts";
import {
  DEFAULT_MIGRATION_OPTIONS,
  type MigrationContext,
  type MigrationOptions,
} from "../../src/migration/context.ts";
import { migrateActor } from "../../src/migration/migrate-actor.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import type { DepotOptions } from "../../src/migration/targets/depot/depot-options.ts";
import { makeDepotTarget } from "../../src/migration/targets/depot/depot-target.ts";
import type { Store } from "../../src/store/store.ts";
import { NOW_MS } from "./depot-world.ts";
import { noIntegrityCheck } from "./no-integrity-check.ts";
import { SeededRandom } from "./reference-random.ts";
import type { TestActor } from "./v1-actors.ts";

/** Time and chance of one test. */
export class World {
  nowMs = NOW_MS;
  readonly #random = new SeededRandom(0xde9);

  readonly now = (): number => this.nowMs;
  readonly randomBytes = (count: number): Uint8Array => this.#random.bytes(count);
}

export interface AttemptOptions {
  readonly migration?: Partial<MigrationOptions>;
  readonly depot?: Partial<DepotOptions>;
}

export function depotContext(store: Store, world: World, options: AttemptOptions = {}): MigrationContext {
  return {
    store,
    target: makeDepotTarget({ now: world.now, runnersDrained: true, protocolSettleMs: 6_000, ...options.depot }),
    ledger,
    now: world.now,
    randomBytes: world.randomBytes,
    codec: inlineCodec,
    observer: { enter: () => undefined },
    checkIntegrity: noIntegrityCheck,
  };
}

/** One attempt to carry an actor to Depot. */
export async function attempt(
  store: Store,
  world: World,
  actor: TestActor,
  options: AttemptOptions = {},
): Promise<Outcome> {
  world.nowMs += 1_000;
  return migrateActor(
    depotContext(store, world, options),
    actor.id,
    { ...DEFAULT_MIGRATION_OPTIONS, ...options.migration },
    new AbortController().signal,
  );
}
