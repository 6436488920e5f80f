import { expect } from "chai";
import { enqueueActors, type JobSink } from "../../../src/campaign/enqueue/enqueue.ts";
import { ledger } from "../../../src/campaign/ledger/ledger.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import type { OutcomeState } from "../../../src/migration/outcome.ts";
import type { Store } from "../../../src/store/store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { gate } from "../../queue/eventually.ts";
import { testActor } from "../../support/v1-actors.ts";

/** So many are asked for at a time. */
const BATCH = 500;
const ids = Array.from({ length: 1_000 }, (_, n) => testActor(n).id);

type Source = Parameters<typeof enqueueActors>[0];

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
    options: { source?: Source; force?: boolean } = {},
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
    expect(await run(store, sink, { source })).to.deep.equal({
      ...{ enqueued: 3, alreadyQueued: 0, queuedAfterActive: 0, alreadyDone: 3 },
    });
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

  it("fails with what the queue fails with, be it for the last batch or for one while the next is looked for", async () => {
    const away = new FakeSink();
    away.add = () => Promise.reject(new Error("away"));
    const failed = (source: Source): Promise<unknown> => run(new MemoryStore(), away, { source }).catch(String);
    expect(await failed([ids.slice(0, 3)])).to.equal("Error: away");
    // One that nobody handles ends the process, however soon it is handled after all.
    const unhandled: unknown[] = [];
    const note = (reason: unknown): number => unhandled.push(reason);
    process.on("unhandledRejection", note);
    async function* slow(): AsyncGenerator<ActorId[]> {
      yield ids.slice(0, BATCH);
      await new Promise((resolve) => setTimeout(resolve, 5));
      yield ids;
    }
    expect(await failed(slow())).to.equal("Error: away");
    process.off("unhandledRejection", note);
    expect(unhandled).to.deep.equal([]);
  });

  it("ends after what it has under way with the queue, also where the source fails", async () => {
    const sink = new FakeSink();
    const added = gate();
    let isOver = false;
    sink.add = async (part) => {
      await added.opened;
      isOver = true;
      return { enqueued: part.length, alreadyQueued: 0, queuedAfterActive: 0 };
    };
    function* broken(): Generator<ActorId[]> {
      yield ids.slice(0, BATCH);
      setTimeout(added.open, 20);
      throw new Error("no more");
    }
    expect(await run(new MemoryStore(), sink, { source: broken() }).catch(String)).to.equal("Error: no more");
    expect(isOver).to.equal(true);
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
