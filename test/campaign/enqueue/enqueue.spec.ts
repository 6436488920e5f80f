import { expect } from "chai";
import { enqueueActors, type JobSink } from "../../../src/campaign/enqueue/enqueue.ts";
import { ledger } from "../../../src/campaign/ledger/ledger.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import type { OutcomeState } from "../../../src/migration/outcome.ts";
import type { Store } from "../../../src/store/store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { testActor } from "../../support/v1-actors.ts";

const ids = Array.from({ length: 1_000 }, (_, n) => testActor(n).id);

/** A queue of sets: what is on it, and how many fit. */
class FakeSink implements JobSink {
  readonly queued = new Set<ActorId>();
  readonly batches: number[] = [];
  room = 1_000_000;

  add(added: readonly ActorId[]): ReturnType<JobSink["add"]> {
    this.batches.push(added.length);
    const fresh = added.filter((id) => !this.queued.has(id));
    fresh.forEach((id) => this.queued.add(id));
    return Promise.resolve({
      enqueued: fresh.length,
      alreadyQueued: added.length - fresh.length,
      queuedAfterActive: 0,
    });
  }

  waitForRoom(): Promise<number> {
    return Promise.resolve(this.room);
  }
}

describe("enqueueing", () => {
  async function record(store: Store, id: ActorId, state: OutcomeState): Promise<void> {
    await store.transact(async (tx) => {
      ledger.write(tx, { actorId: id, state, attempts: 1, finishedAt: "2026-01-01T00:00:00.000Z" }, undefined);
      await Promise.resolve();
    });
  }

  function run(
    store: Store,
    sink: JobSink,
    options: { source?: ActorId[][]; force?: boolean } = {},
  ): ReturnType<typeof enqueueActors> {
    const signal = new AbortController().signal;
    return enqueueActors(options.source ?? [ids], { store, sink, force: options.force ?? false, signal });
  }

  it("answers for every request", async () => {
    const sink = new FakeSink();
    expect(await run(new MemoryStore(), sink, { source: [ids, ids.slice(0, 10)] })).to.deep.equal({
      enqueued: 1_000,
      alreadyQueued: 10,
      queuedAfterActive: 0,
      alreadyDone: 0,
    });
  });

  it("leaves alone what is migrated, skipped or rejected, and asks what failed or was deferred", async () => {
    const store = new MemoryStore();
    const states: OutcomeState[] = ["migrated", "skipped", "rejected", "failed", "deferred"];
    await Promise.all(states.map((state, index) => record(store, testActor(index).id, state)));
    const sink = new FakeSink();
    const source = [ids.slice(0, 6)];
    expect(await run(store, sink, { source })).to.include({ enqueued: 3, alreadyDone: 3 });
    expect([...sink.queued]).to.have.members([3, 4, 5].map((n) => testActor(n).id));
    expect(await run(store, sink, { source, force: true })).to.include({
      enqueued: 3,
      alreadyQueued: 3,
      alreadyDone: 0,
    });
  });

  it("adds no more at a time than there is room for", async () => {
    const sink = new FakeSink();
    sink.room = 7;
    await run(new MemoryStore(), sink, { source: [ids.slice(0, 20)] });
    expect(sink.batches).to.deep.equal([7, 7, 6]);
  });

  it("stops with the signal's reason before it adds more", async () => {
    const sink = new FakeSink();
    let thrown: unknown;
    const signal = AbortSignal.abort(new Error("enough"));
    await enqueueActors([ids], { store: new MemoryStore(), sink, force: false, signal }).catch(
      (error: unknown) => (thrown = error),
    );
    expect(thrown).to.have.property("message", "enough");
    expect(sink.batches).to.deep.equal([]);
  });
});
