import type { ActorId } from "../formats/actor-id.ts";
import type { Store, Transaction } from "../store/store.ts";
import type { IntegrityMode, IntegrityResult } from "./integrity/integrity.ts";
import type { Layout, Outcome } from "./outcome.ts";
import type { ByteSource } from "./recovery/byte-source.ts";
import type { Codec } from "./codec/codec.ts";
import type { Target } from "./targets/target.ts";

/** What an attempt is doing, one thing at a time; also the `phase` of a failure. */
export const ACTIVITIES = ["read", "check", "encode", "write", "verify"] as const;
export type Activity = (typeof ACTIVITIES)[number];

/** Where outcomes are kept. Both calls belong to the transaction of the change they report. */
export interface OutcomeLedger {
  /** What is recorded of an actor, read serializably. */
  read(tx: Transaction, id: ActorId): Promise<Outcome | undefined>;
  /**
   * Records an outcome in place of `previous`, which must be what `read` gave in this transaction. The very same object means that
   * nothing new was found: Ferry had migrated the actor before.
   */
  write(tx: Transaction, outcome: Outcome, previous: Outcome | undefined): void;
}

/** Told what an attempt does; must not throw. */
export interface AttemptObserver {
  enter(activity: Activity): void;
  /** A fence stopped the attempt; `code` as in FenceLostError. */
  fenceLost?(code: string): void;
  /** Releasing the lease after another error failed as well; it will expire by itself. */
  releaseFailed?(error: unknown): void;
}

/** One rollback of an actor, and none that comes later. */
export interface OneRollback {
  /** The `takenBackAt` of its outcome. */
  readonly at: string | undefined;
}

/** How one actor is migrated; a job's own options win over the worker's. */
export interface MigrationOptions {
  readonly layout: Layout;
  /** Images up to this size go in one transaction. Default 1 MiB. */
  readonly smallImageBytes: number;
  /** Larger images are rejected. Default 10 GiB, v2's own quota. */
  readonly maxImageBytes: number;
  /** How long others wait for an attempt that shows no life. */
  readonly leaseMs: number;
  /** Whether the new rows are read back and compared before the switch. */
  readonly verify: boolean;
  /** How far an image is checked: its header, or its pages by SQLite. */
  readonly check: "header" | IntegrityMode;
  /** A rollback journal: reject the actor, or roll back as SQLite would. */
  readonly journal: "reject" | "rollback";
  /** A WAL without data, or a SHM: reject the actor, or let it pass. */
  readonly sidecars: "reject" | "tolerate";
  /** A WAL with data: reject the actor, or apply it as SQLite would. */
  readonly wal: "reject" | "apply";
  /** An actor that an operator took back to v1 is left there, or migrated because it was asked for in spite of that. Default: left. */
  readonly rolledBack?: "migrate" | OneRollback;
  /** The campaign the outcome is recorded under. */
  readonly campaign?: string;
}

export const DEFAULT_MIGRATION_OPTIONS: MigrationOptions = {
  layout: "shards",
  smallImageBytes: 1024 * 1024,
  maxImageBytes: 10 * 1024 * 1024 * 1024,
  leaseMs: 60_000,
  verify: true,
  check: "header",
  journal: "reject",
  sidecars: "reject",
  wal: "reject",
};

/** Everything an attempt needs from outside. */
export interface MigrationContext {
  readonly store: Store;
  readonly target: Target;
  /** Does the work on bytes of large images. */
  readonly codec: Codec;
  readonly ledger: OutcomeLedger;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly observer: AttemptObserver;
  /** Runs SQLite's own check on an image. Required: whoever deletes on its word must not take its absence for a yes. */
  readonly checkIntegrity: (image: ByteSource, mode: IntegrityMode, signal: AbortSignal) => Promise<IntegrityResult>;
}
