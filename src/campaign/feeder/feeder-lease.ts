import type { Store, Transaction } from "../../store/store.ts";
import { FerryError } from "../../errors.ts";
import { FEEDER, FEEDER_OWNER } from "../campaign-keys.ts";
import { decodeJson, encodeJson } from "../json-row.ts";

/** Who feeds, and until when without a sign of life. */
export interface FeederLease {
  readonly token: string;
  readonly host: string;
  /** By its own clock. Every renewal changes it. */
  readonly expiresAtMs: number;
}

/** How long a silent feeder is waited for: takeover happens within this and one tick. */
export const LEASE_MS = 6_000;

/** Another feeder has taken over: this one stops feeding and waits for its turn. */
export class FeederReplacedError extends FerryError {
  constructor() {
    super("feeder_replaced", "Another feeder has taken over.");
  }
}

/**
 * Takes or renews the feeder's lease; not with batch priority, so that one whom the store holds back does not count as gone.
 * @param at.silent a lease that has not been renewed for `LEASE_MS`: it is taken over whatever its expiry.
 * @returns the lease of another feeder that is the one now; undefined when this one is.
 */
export async function holdFeederLease(
  store: Store,
  me: { token: string; host: string },
  at: { readonly nowMs: number; readonly silent: FeederLease | undefined },
): Promise<FeederLease | undefined> {
  const { nowMs, silent } = at;
  return store.transact(
    async (tx) => {
      const held = await readFeederLease(tx);
      if (held !== undefined && held.token !== me.token && nowMs < held.expiresAtMs && !isSameLease(held, silent)) {
        return held;
      }
      tx.set(FEEDER, encodeJson({ ...me, expiresAtMs: nowMs + LEASE_MS }));
      if (held?.token !== me.token) {
        tx.set(FEEDER_OWNER, encodeJson({ token: me.token }));
      }
      return undefined;
    },
    { label: "feeder_lease", priority: "default" },
  );
}

/** Whether a lease has not been renewed, nor changed hands. */
export function isSameLease(held: FeederLease, before: FeederLease | undefined): boolean {
  return held.token === before?.token && held.expiresAtMs === before.expiresAtMs;
}

/** Gives the lease up, so that another feeder need not wait. */
export async function dropFeederLease(store: Store, token: string): Promise<void> {
  await store.transact(
    async (tx) => {
      if ((await readFeederLease(tx))?.token === token) {
        tx.clear(FEEDER);
        tx.clear(FEEDER_OWNER);
      }
    },
    { label: "feeder_lease", priority: "default" },
  );
}

/**
 * A takeover meanwhile conflicts with the transaction; a renewal does not, as it leaves the owner's row alone.
 * @throws FeederReplacedError unless the lease is this feeder's.
 */
export async function assertFeeder(tx: Transaction, token: string): Promise<void> {
  const row = await tx.get(FEEDER_OWNER);
  if (row === undefined || (decodeJson(row) as { token: string }).token !== token) {
    throw new FeederReplacedError();
  }
}

export async function readFeederLease(tx: Transaction): Promise<FeederLease | undefined> {
  const row = await tx.get(FEEDER);
  return row === undefined ? undefined : (decodeJson(row) as FeederLease);
}
