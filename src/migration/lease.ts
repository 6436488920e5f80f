import * as bare from "@bare-ts/lib";
import type { ActorId } from "../formats/actor-id.ts";
import { equalBytes, plainBytes, viewOf } from "../formats/bytes.ts";
import type { Transaction } from "../store/store.ts";
import { FenceLostError } from "./errors.ts";
import { leaseExpiryKey, leaseKey } from "./ferry-keys.ts";
import { clearProgress } from "./stage-progress.ts";

/*
 * The lease of one attempt on a large actor: two rows of Ferry's own.
 *
 *   ("ferry", "lease", id)          BARE { version u8 = 1, token: 16 bytes, image: str, sleepTs: optional data, head: data }
 *   ("ferry", "lease_expiry", id)   i64 BE, ms since the epoch
 *
 * The first is constant from taking to dropping; every write of the attempt reads it serializably. The second only says when
 * others may take over: an attempt that outlives it still writes safely until someone does. It is a time of the attempt's own clock.
 */

const VERSION = 1;
const TOKEN_BYTES = 16;

/** The longest lease that can be configured (`--lease`). */
export const LONGEST_LEASE_MS = 3_600_000;
/** How far another's clock may be ahead and its longest lease still count. */
const CLOCKS_DIFFER_MS = 60_000;

/** What an attempt holds while it stages. */
export interface Lease {
  /** Random, one per attempt. */
  readonly token: Uint8Array;
  /** What is being staged, and how: a later attempt continues only the very same. */
  readonly image: string;
  /** The actor's SLEEP_TS row when the copy began: staged rows are of that sleep, and of no other. */
  readonly sleepTs: Uint8Array | undefined;
  /** The name of the target's stage, byte for byte: what `newStage` gave. */
  readonly head: Uint8Array;
}

export function encodeLease(lease: Lease): Uint8Array {
  const cursor = new bare.ByteCursor(new Uint8Array(256), bare.Config({}));
  bare.writeU8(cursor, VERSION);
  bare.writeU8FixedArray(cursor, lease.token);
  bare.writeString(cursor, lease.image);
  bare.writeBool(cursor, lease.sleepTs !== undefined);
  if (lease.sleepTs !== undefined) {
    bare.writeU8Array(cursor, lease.sleepTs);
  }
  bare.writeU8Array(cursor, lease.head);
  return cursor.bytes.slice(0, cursor.offset);
}

/** Undefined for a lease that another version of Ferry wrote: someone's, but not to be understood. */
export function decodeLease(bytes: Uint8Array): Lease | undefined {
  try {
    const cursor = new bare.ByteCursor(plainBytes(bytes), bare.Config({}));
    const version = bare.readU8(cursor);
    const token = bare.readU8FixedArray(cursor, TOKEN_BYTES);
    const image = bare.readString(cursor);
    const sleepTs = bare.readBool(cursor) ? bare.readU8Array(cursor) : undefined;
    const head = bare.readU8Array(cursor);
    if (version === VERSION && cursor.offset === bytes.length) {
      return { token, image, sleepTs, head };
    }
  } catch (error) {
    if (!(error instanceof bare.BareError)) {
      throw error;
    }
  }
  return undefined;
}

/** A lease as found in the store, with its expiry. */
export interface HeldLease {
  /** The row itself, to be compared byte for byte. */
  readonly row: Uint8Array;
  readonly lease: Lease | undefined;
  readonly expiresAtMs: number;
}

/** Reads an actor's lease, serializably. */
export async function readLease(tx: Transaction, id: ActorId): Promise<HeldLease | undefined> {
  const row = await tx.get(leaseKey(id));
  if (row === undefined) {
    // Nearly always: the second row is not asked for.
    return undefined;
  }
  const expiry = await tx.get(leaseExpiryKey(id));
  const expiresAtMs = expiry?.length === 8 ? Number(viewOf(expiry).getBigInt64(0)) : 0;
  return { row, lease: decodeLease(row), expiresAtMs };
}

/**
 * Whether others have to wait. An expiry farther off than the longest lease was written by a clock that was ahead, and does not count: it
 * would keep everybody from the actor until that time comes. The attempt that wrote it may still live; the fence stops it, as it stops one
 * whose lease has expired.
 */
export function isInForce({ expiresAtMs }: HeldLease, nowMs: number): boolean {
  return nowMs < expiresAtMs && expiresAtMs <= nowMs + LONGEST_LEASE_MS + CLOCKS_DIFFER_MS;
}

export function writeLease(tx: Transaction, id: ActorId, lease: Lease, expiresAtMs: number): void {
  tx.set(leaseKey(id), encodeLease(lease));
  tx.set(leaseExpiryKey(id), encodeExpiry(expiresAtMs));
}

/** Ends a lease, and with it what is known of its stage. */
export function dropLease(tx: Transaction, id: ActorId): void {
  tx.clear(leaseKey(id));
  tx.clear(leaseExpiryKey(id));
  clearProgress(tx, id);
}

/** @throws FenceLostError `lease_lost` unless the lease row is byte for byte this attempt's. */
export async function assertLeaseHeld(tx: Transaction, id: ActorId, lease: Lease): Promise<void> {
  if (!equalBytes(await tx.get(leaseKey(id)), encodeLease(lease))) {
    throw new FenceLostError("lease_lost", "Another attempt took this actor's lease.", { actorId: id });
  }
}

/** Puts the expiry off; also in the past, which hands the actor to the next attempt at once. @throws FenceLostError */
export async function renewLease(tx: Transaction, id: ActorId, lease: Lease, expiresAtMs: number): Promise<void> {
  await assertLeaseHeld(tx, id, lease);
  tx.set(leaseExpiryKey(id), encodeExpiry(expiresAtMs));
}

function encodeExpiry(expiresAtMs: number): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setBigInt64(0, BigInt(expiresAtMs));
  return bytes;
}
