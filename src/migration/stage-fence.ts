import type { Transaction } from "../store/store.ts";
import type { Attempt } from "./attempt.ts";
import { FenceLostError } from "./errors.ts";
import { assertLeaseHeld, dropLease, renewLease, type Lease } from "./lease.ts";
import { writeProgress } from "./stage-progress.ts";
import type { StagedRows } from "./targets/target.ts";

/**
 * What stands between one attempt's writes and everyone else's: every transaction of the stage reads, with a conflict, that the
 * lease and the head are byte for byte what this attempt wrote last, and stops the attempt when they are not.
 */
export class StageFence {
  readonly attempt: Attempt;
  readonly lease: Lease;
  #renewAtMs: number;

  constructor(attempt: Attempt, lease: Lease) {
    this.attempt = attempt;
    this.lease = lease;
    this.#renewAtMs = attempt.context.now() + attempt.options.leaseMs / 3;
  }

  /** @throws FenceLostError `lease_lost`, `meta_changed` */
  async assertHeld(tx: Transaction): Promise<void> {
    const { context, id } = this.attempt;
    const [held] = await Promise.all([
      context.target.holdsStage(tx, id, this.lease.head),
      assertLeaseHeld(tx, id, this.lease),
    ]);
    if (!held) {
      const message = "The actor's v2 head is not what this attempt wrote: the stage is void.";
      throw new FenceLostError("meta_changed", message, { actorId: id });
    }
  }

  /** Writes rows of the stage in one transaction, and with them a note that they are written, for an attempt that continues. */
  async write(staged: StagedRows): Promise<void> {
    await this.run("stage", (tx) => {
      for (const row of staged.rows) {
        tx.set(row.key, row.value);
      }
      writeProgress(tx, this.attempt.id, staged);
      return Promise.resolve();
    });
  }

  /** Runs a body in a transaction that holds the fence. */
  async run(label: string, body: (tx: Transaction) => Promise<void>): Promise<void> {
    const { context, signal } = this.attempt;
    await context.store.transact(
      async (tx) => {
        await this.assertHeld(tx);
        await body(tx);
      },
      { label, signal },
    );
  }

  /** Puts the expiry off when a third of the lease has gone by. */
  async renewWhenDue(): Promise<void> {
    const { context, id, options, signal } = this.attempt;
    const nowMs = context.now();
    if (nowMs < this.#renewAtMs) {
      return;
    }
    const { leaseMs } = options;
    await context.store.transact(async (tx) => renewLease(tx, id, this.lease, nowMs + leaseMs), {
      label: "renew_lease",
      signal,
    });
    this.#renewAtMs = nowMs + leaseMs / 3;
  }

  /** Lets the lease expire now. The stage stays, under it: the next attempt continues it or clears it away. */
  async release(): Promise<void> {
    const { context, id } = this.attempt;
    await context.store.transact(async (tx) => renewLease(tx, id, this.lease, 0), {
      label: "release_lease",
      maxAttempts: 3,
      timeoutMs: 5_000,
    });
  }

  /** Ends the lease and removes the stage, of which nothing can be used: a later attempt would continue it and fail the same way. */
  async clear(): Promise<void> {
    const { context, id } = this.attempt;
    await context.store.transact(
      async (tx) => {
        await this.assertHeld(tx);
        context.target.discardStage(tx, id, this.lease.head);
        dropLease(tx, id);
      },
      { label: "clear_stage", maxAttempts: 3, timeoutMs: 5_000 },
    );
  }
}
