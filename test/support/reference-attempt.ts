import { createHash } from "node:crypto";
import { ledger } from "../../src/campaign/ledger/ledger.ts";
import { inlineCodec } from "../../src/migration/codec/inline-codec.ts";
import {
  DEFAULT_MIGRATION_OPTIONS,
  type MigrationContext,
  type MigrationOptions,
} from "../../src/migration/context.ts";
import { migrateActor } from "../../src/migration/migrate-actor.ts";
import type { Outcome } from "../../src/migration/outcome.ts";
import { storageTarget } from "../../src/migration/targets/storage/storage-target.ts";
import type { Target } from "../../src/migration/targets/target.ts";
import type { Store } from "../../src/store/store.ts";
import { MemoryStore } from "./memory-store.ts";
import { noIntegrityCheck } from "./no-integrity-check.ts";
import { forEachEngine } from "./stores.ts";
import type { Row, TestActor } from "./v1-actors.ts";

/** A time that goes on by a millisecond whenever it is asked for, and no faster unless told: no two attempts end at the same time. */
export class TestClock {
  #nowMs = 1_713_456_789_000;

  now = (): number => {
    this.#nowMs += 1;
    return this.#nowMs;
  };

  /** The time, without moving it on. */
  get nowMs(): number {
    return this.#nowMs;
  }

  advance(ms: number): void {
    this.#nowMs += ms;
  }
}

let tokens = 0;

/** What an attempt needs, on a store; random bytes are a counter's, never the same twice. */
export function contextOn(store: Store, clock: TestClock, extra: Partial<MigrationContext> = {}): MigrationContext {
  return {
    store,
    target: storageTarget,
    ledger,
    now: clock.now,
    randomBytes: (count) => {
      tokens += 1;
      const digest = createHash("sha256").update(String(tokens)).digest();
      return Uint8Array.from(digest.subarray(0, count));
    },
    codec: inlineCodec,
    observer: { enter: () => undefined },
    checkIntegrity: noIntegrityCheck,
    ...extra,
  };
}

/** An image of one page or more goes the staged way. */
export const STAGED = { smallImageBytes: 0 } as const;

/** The target with transactions of so many pages instead of a megabyte: many steps on a small image. */
export function steppedTarget(pagesPerTransaction: number): Target {
  return {
    ...storageTarget,
    makeStager: (id, spec) => {
      const stager = storageTarget.makeStager(id, spec);
      let pages = 0;
      let finished = false;
      return {
        add(pgno, block) {
          stager.add(pgno, block);
          pages += 1;
        },
        get ready() {
          return stager.ready || (!finished && pages >= pagesPerTransaction);
        },
        take() {
          pages = 0;
          return stager.take();
        },
        finish() {
          finished = true;
          return stager.finish();
        },
      };
    },
  };
}

export interface AttemptOptions extends Partial<MigrationOptions> {
  readonly signal?: AbortSignal;
  readonly context?: Partial<MigrationContext>;
}

/** One attempt on one actor. */
export async function attempt(
  store: Store,
  actor: TestActor,
  clock: TestClock,
  options: AttemptOptions = {},
): Promise<Outcome> {
  const { signal = new AbortController().signal, context = {}, ...migration } = options;
  return migrateActor(
    contextOn(store, clock, context),
    actor.id,
    { ...DEFAULT_MIGRATION_OPTIONS, ...migration },
    signal,
  );
}

/** How an attempt ended: its outcome, or what it threw. */
export type Ending = { readonly outcome: Outcome } | { readonly error: unknown };

export async function endingOf(running: Promise<Outcome>): Promise<Ending> {
  try {
    return { outcome: await running };
  } catch (error) {
    return { error };
  }
}

/** `migrated`, `rejected chunk_missing`, or the code of an error: an ending in a word or two. */
export function describeEnding(ending: Ending): string {
  if ("outcome" in ending) {
    return [ending.outcome.state, ending.outcome.reason ?? ""].join(" ").trim();
  }
  const { error } = ending;
  return error instanceof Error && "code" in error ? String(error.code) : String(error);
}

/** The code of the error that a promise rejects with, or what it gave instead. */
export async function errorCode(running: Promise<Outcome>): Promise<string> {
  return describeEnding(await endingOf(running));
}

/** Declares the same tests in memory and on every engine there is here. */
export function forEachStore(declare: (makeStore: () => Promise<Store>) => void): void {
  describe("in memory", () => {
    declare(() => Promise.resolve(new MemoryStore()));
  });
  forEachEngine((makeStore) => {
    declare(() => makeStore());
  });
}

/** Writes rows, a megabyte at a time. */
export async function loadRows(store: Store, rows: readonly Row[]): Promise<void> {
  for (let from = 0; from < rows.length;) {
    let bytes = 0;
    let to = from;
    for (let row = rows[to]; row !== undefined && bytes < 1_000_000; row = rows[++to]) {
      bytes += row.key.length + row.value.length;
    }
    const part = rows.slice(from, to);
    await store.transact(async (tx) => {
      part.forEach((row) => {
        tx.set(row.key, row.value);
      });
      await Promise.resolve();
    });
    from = to;
  }
}

/** All rows of a store, in order. */
export async function dumpRows(store: Store): Promise<Row[]> {
  if (store instanceof MemoryStore) {
    return store.dump();
  }
  return store.transact(async (tx) => {
    const rows: Row[] = [];
    const everything = { begin: new Uint8Array(0), end: Uint8Array.of(0xff) };
    for await (const batch of tx.getRange(everything, { snapshot: true })) {
      rows.push(...batch.map(({ key, value }) => ({ key: Uint8Array.from(key), value: Uint8Array.from(value) })));
    }
    return rows;
  });
}

/** Rows as text, to be compared; without what the ledger keeps. */
export function withoutLedger(rows: readonly Row[]): string[] {
  const texts = rows.map(({ key, value }) => `${Buffer.from(key).toString("hex")} ${digest(value)}`);
  return texts.filter((text) => !LEDGER.some((prefix) => text.startsWith(prefix)));
}

const LEDGER = ["outcome", "by_state", "history"].map((name) =>
  Buffer.concat([Uint8Array.of(2), Buffer.from("ferry"), Uint8Array.of(0, 2), Buffer.from(name)]).toString("hex"),
);

function digest(value: Uint8Array): string {
  const hex = Buffer.from(value).toString("hex");
  return hex.length < 200 ? hex : createHash("sha256").update(value).digest("hex");
}
