import type { ActorId } from "../../formats/actor-id.ts";
import type { FormatError } from "../../formats/format-error.ts";
import type { PhysicalRow } from "../../formats/split-value.ts";
import type { KeyValue, Transaction } from "../../store/store.ts";
import type { Layout, Outcome, Verdict } from "../outcome.ts";
import type { BlockBatch } from "../pages.ts";
import type { ImageRows, Rows } from "../rows.ts";

/** What v2 holds of an actor, as far as the decision to migrate it depends on it. */
export type V2State =
  | ({ readonly kind: "absent" } & Claim)
  /** As absent, but something that many actors share has to be made first: `prepare` does. */
  | ({ readonly kind: "unprepared" } & Claim)
  /** Nothing may be done now, for a reason of the target's own; `remember` is a row of Ferry's to write with the outcome. */
  | { readonly kind: "blocked"; readonly verdict: Verdict; readonly remember?: KeyValue }
  | { readonly kind: "native" }
  | { readonly kind: "migrated" }
  /** A migration was begun, by the engine or by Ferry: since when, and whether it staged anything. */
  | { readonly kind: "migrating"; readonly head: Uint8Array; readonly staging: boolean; readonly sinceMs: number };

/** What else a target saw of an actor without a v2 image. */
export interface Claim {
  /** What must be the same when the image is switched to as when its copy began, byte for byte. */
  readonly basis?: Uint8Array;
  /** Images of at most so many pages are the engine's own to migrate. */
  readonly engineMigratesPages?: number;
  /** What the operator has to know, or to do, once the actor is migrated. */
  readonly advice?: string;
}

/**
 * Why an image is not taken away again.
 * - `actor_awake`: the actor is not known to sleep.
 * - `destroyed`: the engine has destroyed the actor; there is nothing to go back to.
 * - `engine_took_over`: the engine would not go back to v1 but start empty.
 * - `in_use`: a fork or a restore point depends on the image.
 */
export type UndoRefusal = "actor_awake" | "destroyed" | "engine_took_over" | "in_use";

/** Of whose making an actor's image is: Ferry's, as its migration wrote it; Ferry's, with writes since; or another's. */
export type ImageOrigin = "ferry" | "ferry_written_since" | "other";

/** What is known of an image before it is read. */
export interface ImageOutline {
  readonly pageCount: number;
  /** Whether it is made of the main file and sidecars, so that it may not be what the main file holds. */
  readonly recovered: boolean;
}

/** An image to be written, and what its rows carry of the migration. */
export interface ImageSpec {
  readonly layout: Layout;
  readonly pageCount: number;
  /** Goes into the new head and the blobs' timestamps. */
  readonly creationTsMs: number;
}

/** The same under a name. */
export interface StagedSpec extends ImageSpec {
  /** What `newStage` gave. */
  readonly stage: Uint8Array;
}

/** An image whose rows are written, or about to be. */
export interface StagedImage {
  readonly spec: StagedSpec;
  /** Sum of the stager's `storageBytes`. */
  readonly storageBytes: number;
  /** The `basis` of the state that the copy began with. */
  readonly basis: Uint8Array | undefined;
}

/**
 * Rows of a part of an image, for one transaction. Where they are very many they are made as they are asked for: those that are there while
 * a transaction is put together, and waits for others, end among V8's old objects.
 */
export interface StagedRows {
  /** To be gone through as often as the transaction runs. */
  readonly rows: Iterable<PhysicalRow>;
  /** What they add to the head's `sqlite_storage_used`. */
  readonly storageBytes: number;
  /** The pages in them, for resuming: first and one past the last. */
  readonly firstPgno: number;
  readonly endPgno: number;
  /** Gives the rows' memory back to the stager, which may use it again: once they are committed, or never. */
  readonly release?: () => void;
}

/** Turns the LZ4 blocks of pages, in order, into rows of transaction size; holds at most one transaction's worth. */
export interface Stager {
  /** Adds one page's block, which is copied. When `ready` afterwards, call `take`. */
  add(pgno: number, block: Uint8Array): void;
  readonly ready: boolean;
  take(): StagedRows;
  /** Rows of what is left, when every page was added. While `ready` afterwards, there is more to `take`. */
  finish(): StagedRows;
}

/** Gives the block of a page that is in no row; undefined where the page has to be in one. May be asked for several at once. */
export type MissingBlock = (pgno: number) => Promise<Uint8Array | undefined>;

/** How an image is read. Default: the one that v2's readers see, from its first page on, all of whose pages must be there. */
export interface ReadOptions {
  /** Reads what is staged under this name instead. */
  readonly stage?: Uint8Array | undefined;
  /** Begins with the shard of this page. */
  readonly firstPgno?: number;
  readonly missing?: MissingBlock;
}

/**
 * A form of v2: everything that knows its keys. Nothing outside `targets/` assumes META, DELTA, PIDX or SHARD.
 *
 * An image comes in by one of two ways: whole, in one transaction (`writeImage`), or staged: `beginStage` under a lease that holds
 * the stage's name, the stager's rows in any order, `sealStage`, `readBlocks` to verify, and `switchTo`. Nothing of a stage is
 * visible to v2's readers before the switch. The name is opaque to the outside: compared whole, never looked into.
 */
export interface Target {
  readonly name: string;
  /** Reads the actor's v2 state, serializably. @throws FormatError whose code is a reject reason */
  readState(tx: Transaction, id: ActorId): Promise<V2State>;
  /** Makes what the state `unprepared` lacks; idempotent. `random`: 16 bytes. */
  prepare(tx: Transaction, id: ActorId, facts: { readonly random: Uint8Array; readonly nowMs: number }): Promise<void>;
  /** Whether staging would remove v2 rows of the actor that are not Ferry's stage; serializable. */
  hasRows(tx: Transaction, id: ActorId): Promise<boolean>;
  /** A value that changes whenever the actor's complete image does; serializable. */
  readHead(tx: Transaction, id: ActorId): Promise<Uint8Array | undefined>;
  /** Why such an image is not to be written as things stand. @throws FormatError whose code is a reject reason */
  admit(v2: V2State, image: ImageOutline): Verdict | undefined;
  /** What the target asks of page 1, beyond a header of SQLite's. @throws FormatError whose code is a reject reason */
  assertHeader(page1: Uint8Array, pageCount: number): void;
  /** The layout an image gets where this one is asked for. */
  layoutOf(requested: Layout): Layout;
  makeStager(id: ActorId, spec: StagedSpec): Stager;
  /** Whether rows of a layout can be written in parts by several attempts: pages of whole parts, in any order. */
  isResumable(layout: Layout): boolean;
  /**
   * Reads the blocks of pages 1 to `pageCount` in order, as a reader of v2 does; shares nothing with the stager but the codecs.
   * @throws FormatError `page_missing`, `rows_missing`, `ltx_truncated` where rows are not there, else as the codecs say.
   */
  readBlocks(
    rows: ImageRows,
    id: ActorId,
    pageCount: number,
    options?: ReadOptions,
  ): AsyncGenerator<BlockBatch, void, undefined>;
  /**
   * Whether the actor's v2 image is still the one that a migration of Ferry's wrote, of so many pages, with no write since; serializable.
   * What compaction does to its rows does not count.
   */
  isUntouched(tx: Transaction, id: ActorId, pageCount: number): Promise<boolean>;
  /**
   * Whether the image that v2's readers see is one that began as Ferry's, whatever was written to it since, and not another that has
   * taken its place; serializable. @throws FormatError
   */
  beganAsFerrys(tx: Transaction, id: ActorId): Promise<boolean>;
  /** Whether Ferry has brought the actor to another form of v2 since, so that nobody reads the image here any more; serializable. */
  isSuperseded(tx: Transaction, id: ActorId): Promise<boolean>;
  /**
   * Whether Ferry had brought an actor to this form of which it finds no image now: that is gone, and `undo` did not take it away. Of an actor
   * of which the ledger says `previous`; serializable.
   */
  hadImage(tx: Transaction, id: ActorId, previous: Outcome): Promise<boolean>;
  /** Page count of the actor's complete v2 image, or undefined when there is none. */
  readPageCount(rows: Rows, id: ActorId): Promise<number | undefined>;
  /** Writes a whole image, with all its rows, and makes it the actor's, in the transaction that saw the state `absent`. */
  writeImage(tx: Transaction, id: ActorId, image: StagedImage & { readonly rows: readonly KeyValue[] }): Promise<void>;
  /** The name of a new stage. `random`: 16 bytes. */
  newStage(spec: ImageSpec, random: Uint8Array): Uint8Array;
  /** Whether a stage named in a lease is this target's, and what v2 holds does not say that it is gone. */
  isStage(v2: V2State | FormatError, stage: Uint8Array): boolean;
  beginStage(tx: Transaction, id: ActorId, stage: Uint8Array): void;
  /** Whether the stage is still one; every transaction that writes to it, or removes it, asks, serializably, beside its lease. */
  holdsStage(tx: Transaction, id: ActorId, stage: Uint8Array): Promise<boolean>;
  /** Removes every row of a stage that was not switched to. */
  discardStage(tx: Transaction, id: ActorId, stage: Uint8Array): void;
  /** Writes what has to be written in order, once all rows of the stager are there. `write` runs a body under the stage's fence. */
  sealStage(image: StagedImage, write: (body: (tx: Transaction) => Promise<void>) => Promise<void>): Promise<void>;
  /** What of the target's own forbids the switch now; serializable. */
  reasonNotToSwitch(tx: Transaction, id: ActorId, image: StagedImage): Promise<Verdict | undefined>;
  /** Makes a sealed stage the actor's image: readers see it from here on. @throws FenceLostError `stage_gone` */
  switchTo(tx: Transaction, id: ActorId, image: StagedImage): Promise<void>;
  /** What of the target's own forbids taking the image of an untouched, sleeping actor away again; serializable. */
  reasonNotToUndo(tx: Transaction, id: ActorId): Promise<UndoRefusal | undefined>;
  /** Removes every row of the actor's image, in a transaction that saw nothing against it. */
  undo(tx: Transaction, id: ActorId): Promise<void>;
}
