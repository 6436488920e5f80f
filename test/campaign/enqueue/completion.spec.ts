import { expect } from "chai";
import { CompletionTracker } from "../../../src/campaign/enqueue/completion.ts";
import { ledger, readOutcomes } from "../../../src/campaign/ledger/ledger.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import type { OutcomeState } from "../../../src/migration/outcome.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { testActor } from "../../support/v1-actors.ts";

const [a, b, c] = [1, 2, 3].map((n) => testActor(n).id) as [ActorId, ActorId, ActorId];

describe("waiting for outcomes", () => {
  let store: MemoryStore;
  let tracker: CompletionTracker;
  let second = 0;

  beforeEach(() => {
    store = new MemoryStore();
    tracker = new CompletionTracker(store);
  });

  async function record(id: ActorId, state: OutcomeState, reason?: string): Promise<void> {
    second += 1;
    const finishedAt = new Date(second * 1_000).toISOString();
    await store.transact(async (tx) => {
      const previous = await ledger.read(tx, id);
      ledger.write(
        tx,
        { actorId: id, state, ...(reason === undefined ? {} : { reason }), attempts: 1, finishedAt },
        previous,
      );
    });
  }

  async function follow(...ids: ActorId[]): Promise<void> {
    tracker.add(ids, await readOutcomes(store, ids));
  }

  it("counts each actor by its outcome as it comes", async () => {
    await follow(a, b, c);
    expect(await tracker.look()).to.include({ total: 3, pending: 3 });
    await record(a, "migrated");
    await record(b, "rejected", "chunk_missing");
    const { byState, byReason, pending } = await tracker.look();
    expect(pending).to.equal(1);
    expect(byState).to.include({ migrated: 1, rejected: 1 });
    expect(byReason).to.deep.include({ state: "rejected", reason: "chunk_missing", actors: 1 });
  });

  it("does not take an old outcome for the new one", async () => {
    await record(a, "rejected");
    await follow(a);
    expect(await tracker.look()).to.include({ pending: 1 });
    await record(a, "rejected");
    expect(await tracker.look()).to.include({ pending: 0 });
  });

  it("counts a deferred actor until it has a final outcome", async () => {
    await follow(a);
    await record(a, "deferred", "actor_awake");
    expect((await tracker.look()).byState).to.include({ deferred: 1, migrated: 0 });
    await record(a, "migrated");
    expect((await tracker.look()).byState).to.include({ deferred: 0, migrated: 1 });
  });

  it("counts an actor once, however often it is asked for", async () => {
    await follow(a, a, b);
    await follow(a);
    expect(await tracker.look()).to.include({ total: 2 });
    await record(b, "deferred", "actor_awake");
    await tracker.look();
    await follow(b);
    expect(await tracker.look()).to.include({ total: 2, pending: 1 });
  });

  it("takes what the ledger has when the queue is empty", async () => {
    await record(a, "migrated");
    await follow(a, b);
    expect(await tracker.look()).to.include({ pending: 2 });
    const { pending, byState } = await tracker.settleRest();
    expect(pending).to.equal(1);
    expect(byState).to.include({ migrated: 1 });
  });

  it("counts an actor once whose outcome comes as the queue becomes empty", async () => {
    await follow(a);
    await record(a, "migrated");
    expect((await tracker.settleRest()).byState).to.include({ migrated: 1 });
  });
});
