import { DelayedError, UnrecoverableError, WaitingError, type Job } from "bullmq";
import { expect } from "chai";

import type { FerryError } from "../../src/errors.ts";
import { JobRunner, type JobRunnerOptions } from "../../src/queue/job-runner.ts";
import { LockKeeper } from "../../src/queue/lock-keeper.ts";
import type { QueueScripts } from "../../src/queue/queue-scripts.ts";
import type { WorkerEvent } from "../../src/queue/worker-events.ts";
import { StoreError } from "../../src/store/errors.ts";
import { eventually } from "./eventually.ts";
import { newActor, newRequest } from "./requests.ts";

const LOCK_MS = 60_000;

describe("queue/job runner", () => {
  let events: WorkerEvent[] = [];
  let started = 0;
  let rests = 0;
  beforeEach(() => {
    events = [];
    started = 0;
    rests = 0;
  });

  /** A runner without Redis; moves fail like those of a lost lock when `movesFail`. */
  function runner(options: Partial<JobRunnerOptions> & { movesFail?: boolean } = {}): JobRunner {
    const move = (): Promise<never> | Promise<number> =>
      options.movesFail === true ? Promise.reject(new Error("Missing lock for job 1")) : Promise.resolve(0);
    return new JobRunner({
      process: () => {
        started += 1;
        return Promise.resolve({ kind: "done" });
      },
      onExhausted: () => Promise.resolve(),
      backend: { moveToDelayed: move as () => Promise<never>, moveJobFromActiveToWait: move },
      scripts: { claim: () => Promise.resolve(true) } as unknown as QueueScripts,
      locks: new LockKeeper({ lockMs: LOCK_MS, extend: () => Promise.resolve([]), onError: () => undefined }),
      retry: { attempts: 3, baseDelayMs: 1, maxDelayMs: 1 },
      maxStalls: 3,
      emit: (event) => events.push(event),
      refuses: () => undefined,
      rest: () => {
        rests += 1;
      },
      ...options,
    });
  }

  function job(facts: Partial<Job> = {}): Job {
    const base = { id: "1", data: newRequest(newActor()), attemptsMade: 0, attemptsStarted: 1, stalledCounter: 0 };
    return { ...base, processedOn: Date.now(), ...facts } as unknown as Job;
  }

  const thrown = (running: Promise<void>): Promise<unknown> =>
    running.then(
      () => undefined,
      (error: unknown) => error,
    );

  it("does not start a job whose lock ran out between the taking and the start", async () => {
    const late = job({ processedOn: Date.now() - LOCK_MS });
    expect(await thrown(runner().run(late, "t"))).to.be.instanceOf(WaitingError);
    expect(started).to.equal(0);
    expect(events.map(({ type }) => type)).to.deep.equal(["lock_lost", "job_handed_back"]);
  });

  it("starts a job in time, and completes it", async () => {
    expect(await thrown(runner().run(job(), "t"))).to.equal(undefined);
    expect(started).to.equal(1);
    expect(events.map(({ type }) => type)).to.deep.equal(["job_started", "job_done"]);
  });

  it("says of a job whether it was started before", async () => {
    const restarts: unknown[] = [];
    const process: JobRunnerOptions["process"] = (_request, { isRestart }) => {
      restarts.push(isRestart);
      return Promise.resolve({ kind: "done" });
    };
    await runner({ process }).run(job(), "t");
    await runner({ process }).run(job({ attemptsStarted: 2 }), "t");
    expect(restarts).to.deep.equal([false, true]);
  });

  for (const why of ["shutdown", "paused"] as const) {
    it(`gives back at once a job that arrives during ${why}`, async () => {
      expect(await thrown(runner({ refuses: () => why }).run(job(), "t"))).to.be.instanceOf(WaitingError);
      expect(started).to.equal(0);
      expect(events).to.have.length(1);
      expect(events[0]).to.include({ type: "job_handed_back", reason: why });
    });
  }

  it("gives back a job that was under way to its start when the stop came", async () => {
    let isStopping = false;
    const stopping = runner({
      scripts: {
        claim: () => {
          isStopping = true;
          return Promise.resolve(true);
        },
      } as unknown as QueueScripts,
      refuses: () => (isStopping ? "shutdown" : undefined),
    });
    expect(await thrown(stopping.run(job({ attemptsStarted: 2 }), "t"))).to.be.instanceOf(WaitingError);
    expect(started).to.equal(0);
    expect(events.map(({ type }) => type)).to.deep.equal(["job_handed_back"]);
  });

  it("spends no attempt when the store is away or busy, and never gives an actor up for it", async () => {
    const moves: unknown[] = [];
    const waiting = runner({
      process: () => Promise.reject(new StoreError("throttled", "busy")),
      onExhausted: () => Promise.reject(new Error("gave the actor up")),
      backend: {
        moveToDelayed: (_id, _now, _delay, _token, options) => {
          moves.push(options?.skipAttempt);
          return Promise.resolve() as never;
        },
        moveJobFromActiveToWait: () => Promise.resolve(0),
      },
    });
    const lastAttempt = job({ attemptsMade: 2, attemptsStarted: 500 });
    expect(await thrown(waiting.run(lastAttempt, "t"))).to.be.instanceOf(DelayedError);
    expect(moves).to.deep.equal([true]);
    expect(events.map(({ type }) => type)).to.deep.equal(["job_started", "job_waits_for_store"]);
    expect(rests).to.equal(1);
  });

  it("waits for the store by how often that did not serve the job, whatever attempts it has spent", async () => {
    const delays: number[] = [];
    const waiting = runner({
      process: () => Promise.reject(new StoreError("unavailable", "away")),
      backend: {
        moveToDelayed: (_id, _now, delayMs) => {
          delays.push(delayMs);
          return Promise.resolve() as never;
        },
        moveJobFromActiveToWait: () => Promise.resolve(0),
      },
      retry: { attempts: 8, baseDelayMs: 1_000, maxDelayMs: 60_000 },
    });
    await thrown(waiting.run(job({ attemptsMade: 5, attemptsStarted: 6 }), "t"));
    await thrown(waiting.run(job({ attemptsMade: 0, attemptsStarted: 4 }), "t"));
    expect(delays[0]).to.be.within(500, 1_000);
    expect(delays[1]).to.be.within(4_000, 8_000);
  });

  it("stops an older run of an actor, and begins the next one when that has ended", async () => {
    const request = newRequest(newActor());
    const seen: string[] = [];
    const one = runner({
      process: (_request, { jobId, signal }) => {
        seen.push(`${jobId} begins`);
        return jobId === "new"
          ? Promise.resolve({ kind: "done" })
          : new Promise((_resolve, reject) => {
              signal.addEventListener("abort", () => {
                seen.push(`${jobId} is told ${(signal.reason as FerryError).code}`);
                reject(signal.reason as Error);
              });
            });
      },
    });
    const older = thrown(one.run(job({ id: "old", data: request }), "t"));
    const newer = one.run(job({ id: "new", data: request }), "u");
    try {
      await eventually("the older one is told", () => seen.length > 1);
    } finally {
      one.abortAll();
    }
    expect(await older).to.be.instanceOf(WaitingError);
    await newer;
    expect(seen).to.deep.equal(["old begins", "old is told lock_lost", "new begins"]);
  });

  it("puts a job off for a moment at least, and has forgotten by then how often its workers went silent", async () => {
    const moves: unknown[] = [];
    const deferring = runner({
      process: () => Promise.resolve({ kind: "defer", delayMs: 0 }),
      backend: {
        moveToDelayed: (_id, _now, delayMs, _token, options) => {
          moves.push([delayMs, options?.fieldsToUpdate]);
          return Promise.resolve() as never;
        },
        moveJobFromActiveToWait: () => Promise.resolve(0),
      },
    });
    expect(await thrown(deferring.run(job(), "t"))).to.be.instanceOf(DelayedError);
    expect(moves).to.deep.equal([[1, { failedReason: "deferred", stc: "0" }]]);
  });

  it("starts a job whose workers have gone silent as often as is allowed, and not once more", async () => {
    const exhausted: unknown[] = [];
    const onExhausted: JobRunnerOptions["onExhausted"] = (_request, error) => {
      exhausted.push((error as FerryError).code);
      return Promise.resolve();
    };
    expect(await thrown(runner({ onExhausted }).run(job({ stalledCounter: 3 }), "t"))).to.equal(undefined);
    expect([started, exhausted]).to.deep.equal([1, []]);
    expect(await thrown(runner({ onExhausted }).run(job({ stalledCounter: 4 }), "t"))).to.be.instanceOf(
      UnrecoverableError,
    );
    expect([started, exhausted]).to.deep.equal([1, ["worker_lost"]]);
  });

  it("never lets BullMQ count a failed move as a failed attempt", async () => {
    const deferring = runner({ movesFail: true, process: () => Promise.resolve({ kind: "defer", delayMs: 1 }) });
    expect(await thrown(deferring.run(job(), "t"))).to.be.instanceOf(WaitingError);
    for (const error of [new Error("no"), new StoreError("throttled", "busy")]) {
      const failing = runner({ movesFail: true, process: () => Promise.reject(error) });
      expect(await thrown(failing.run(job(), "t"))).to.be.instanceOf(WaitingError);
    }
    const each = ["job_started", "queue_error"];
    expect(events.map(({ type }) => type)).to.deep.equal([...each, ...each, ...each]);
  });
});
