import { PassThrough } from "node:stream";
import { expect } from "chai";
import { CompletionTracker } from "../../../src/campaign/enqueue/completion.ts";
import { Notes } from "../../../src/cli/notes.ts";
import { waitForCompletion } from "../../../src/cli/produce/wait-for-completion.ts";
import type { MigrationQueue } from "../../../src/queue/migration-queue.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { gate } from "../../queue/eventually.ts";
import { testActor } from "../../support/v1-actors.ts";

const LOOK_MS = 300;

/** A tracker whose look at the ledger takes its time, so that the next one is long in coming. */
class SlowTracker extends CompletionTracker {
  override async look(): ReturnType<CompletionTracker["look"]> {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    return super.look();
  }
}

/** Timers there are, the test's own among them; those that other tests left may end meanwhile. */
async function timers(): Promise<number> {
  await new Promise((resolve) => setImmediate(resolve));
  // eslint-disable-next-line n/no-unsupported-features/node-builtins -- it is there on Node 20, as an experiment
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}

describe("waiting for the outcomes of actors", () => {
  const wait = async (drained: () => Promise<void>): Promise<unknown> => {
    const tracker = new SlowTracker(new MemoryStore());
    tracker.add([testActor(1).id], new Map());
    const queue = { drained, connectedWorkers: () => Promise.resolve(1) } as unknown as MigrationQueue;
    const progress = { show: () => undefined, end: () => undefined };
    const notes = new Notes(new PassThrough().resume());
    const signal = new AbortController().signal;
    return waitForCompletion({ tracker, queue, progress, notes, enqueued: Promise.resolve(), signal });
  };

  it("leaves no timer behind that would keep the command from its end, however long a look took", async () => {
    const before = await timers();
    const drained = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 2 * LOOK_MS));
    expect(await wait(drained)).to.include({ total: 1, pending: 1 });
    expect(await timers()).to.be.at.most(before);
  });

  it("says once that no worker is connected, five seconds after it began", async () => {
    const [said, looks] = [[] as string[], [] as string[]];
    const enough = gate();
    let nowMs = 0;
    const tracker = new CompletionTracker(new MemoryStore());
    tracker.add([testActor(1).id], new Map());
    const queue = { drained: () => enough.opened, connectedWorkers: () => Promise.resolve(0) };
    await waitForCompletion({
      ...{ tracker, queue: queue as unknown as MigrationQueue, enqueued: Promise.resolve() },
      progress: {
        show: () => {
          looks.push(said.join());
          // While it rests before the next look: the time that a look takes is another matter.
          setTimeout(() => {
            nowMs += 2_500;
          }, 1);
          if (looks.length === 4) {
            enough.open();
          }
        },
        end: () => undefined,
      },
      notes: { say: (line: string) => said.push(line) } as unknown as Notes,
      signal: new AbortController().signal,
      clock: () => nowMs,
    });
    expect(said).to.deep.equal(["No worker is connected: this waits until one is started with ferry worker."]);
    expect(looks.slice(0, 4).map((line) => line !== "")).to.deep.equal([false, false, false, true]);
  });

  it("ends at once with what the queue failed with", async () => {
    const before = await timers();
    const error = new Error("away");
    const drained = async (): Promise<void> => {
      await new Promise((resolve) => setTimeout(resolve, 2 * LOOK_MS));
      throw error;
    };
    expect(await wait(drained).catch((thrown: unknown) => thrown)).to.equal(error);
    expect(await timers()).to.be.at.most(before);
  });
});
