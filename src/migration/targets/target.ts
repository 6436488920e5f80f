import type { ActorId } from "../../formats/actor-id.ts";
import type { PhysicalRow } from "../../formats/split-value.ts";
import type { Transaction } from "../../store/store.ts";
import type { Layout } from "../outcome.ts";
import type { PageBatch } from "../pages.ts";
import type { Rows } from "../rows.ts";

/** What v2 holds of an actor, as far as the decision to migrate it depends on it. */
export type V2State =
  | { readonly kind: "absent" }
  | { readonly kind: "native" }
  | { readonly kind: "migrated" }
  /** A migration was begun, by the engine or by Ferry: since when, and whether it staged anything. */
  | { readonly kind: "migrating"; readonly head: Uint8Array; readonly staging: boolean; readonly sinceMs: number };

/** An image to be written, and what its rows carry of the migration. */
export interface ImageSpec {
  readonly layout: Layout;
  readonly pageCount: number;
  /** Goes into the new head and the blobs' timestamps. */
  readonly creationTsMs: number;
}

/** Rows of a part of an image, for one transaction. */
export interface StagedRows {
  readonly rows: readonly PhysicalRow[];
  /** What they add to the head's `sqlite_storage_used`. */
  readonly storageBytes: number;
  /** The pages in them, for resuming: first and one past the last. */
  readonly firstPgno: number;
  readonly endPgno: number;
}

/** Turns pages, in order, into rows of transaction size; holds at most one transaction's worth. */
export interface Stager {
  /** Adds one page. When `ready` afterwards, call `take`. */
  add(pgno: number, page: Uint8Array): void;
  readonly ready: boolean;
  take(): StagedRows;
  /** Rows of what is left, when every page was added. While `ready` afterwards, there is more to `take`. */
  finish(): StagedRows;
}

/**
 * A form of v2: everything that knows its keys. Nothing outside `targets/` assumes META, DELTA, PIDX or SHARD.
 * Heads are opaque bytes to the outside: compared whole, never looked into.
 */
export interface Target {
  readonly name: string;
  /** Reads the actor's v2 state, serializably. @throws FormatError `v2_meta_undecodable` */
  readState(tx: Transaction, id: ActorId): Promise<V2State>;
  /** Whether any v2 row of the actor exists, of whatever state; serializable. */
  hasRows(tx: Transaction, id: ActorId): Promise<boolean>;
  /** Removes every v2 row of the actor. */
  clear(tx: Transaction, id: ActorId): void;
  /** The head row's value now, to be compared byte for byte; serializable. */
  readHead(tx: Transaction, id: ActorId): Promise<Uint8Array | undefined>;
  writeHead(tx: Transaction, id: ActorId, head: Uint8Array): void;
  /** The head while an image is staged. */
  stagingHead(spec: ImageSpec): Uint8Array;
  /** The head of a complete image: readers see it from here on. */
  finalHead(spec: ImageSpec, storageBytes: number): Uint8Array;
  makeStager(id: ActorId, spec: ImageSpec): Stager;
  /**
   * Reads pages 1 to `pageCount` in order, as a reader of v2 does; shares nothing with the stager but the codecs.
   * @throws FormatError `ltx_invalid`, `split_value_invalid`, `page_missing`.
   */
  readPages(rows: Rows, id: ActorId, pageCount: number): AsyncGenerator<PageBatch, void, undefined>;
  /** Page count of the actor's complete v2 image, or undefined when there is none. */
  readPageCount(rows: Rows, id: ActorId): Promise<number | undefined>;
}
