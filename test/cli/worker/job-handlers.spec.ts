import { expect } from "chai";
import { CampaignGate } from "../../../src/campaign/campaign-gate.ts";
import { readCounts } from "../../../src/campaign/campaign-counts.ts";
import { applyVerb } from "../../../src/campaign/campaign-verbs.ts";
import { returnActors } from "../../../src/campaign/feeder/feed.ts";
import { LoadGovernor } from "../../../src/campaign/fleet/load-governor.ts";
import { ledger, readOutcome } from "../../../src/campaign/ledger/ledger.ts";
import { rollbackLedger } from "../../../src/campaign/ledger/rollback-ledger.ts";
import { waiveActor } from "../../../src/campaign/rejects/waive.ts";
import { FleetMember } from "../../../src/cli/worker/fleet-member.ts";
import { makeJobHandlers } from "../../../src/cli/worker/job-handlers.ts";
import { FerryError, UsageError } from "../../../src/errors.ts";
import { inlineCodec } from "../../../src/migration/codec/inline-codec.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../../src/migration/context.ts";
import { IntegrityChecker } from "../../../src/migration/integrity/integrity-checker.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { rollbackActor } from "../../../src/migration/rollback-actor.ts";
import { storageTarget } from "../../../src/migration/targets/storage/storage-target.ts";
import type { JobHandlers } from "../../../src/queue/job-runner.ts";
import type { MigrationRequest } from "../../../src/queue/migration-request.ts";
import type { Store } from "../../../src/store/store.ts";
import { createLogger, type Logger } from "../../../src/telemetry/log.ts";
import { createMetrics, type Metrics } from "../../../src/telemetry/metrics.ts";
import { feedAll, startCampaign } from "../../support/campaign-scene.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, contextOn, TestClock } from "../../support/reference-attempt.ts";
import { lifeRow, syntheticImage, testActor, v1Rows } from "../../support/v1-actors.ts";
import { MemoryStream } from "../../telemetry/memory-stream.ts";

const ACTOR = testActor(5);
const HOUR_MS = 3_600_000;

/** Handlers of a worker on this store, what they were told came of each job, and what they counted. */
function workerOn(store: Store): {
  handlers: JobHandlers;
  outcomes: Outcome[];
  metrics: Metrics;
  log: Logger;
  stream: MemoryStream;
} {
  const outcomes: Outcome[] = [];
  const metrics = createMetrics({ version: "test" }, { processMetrics: false });
  const stream = new MemoryStream();
  const log = createLogger({ stream });
  const identity = { workerId: "w", host: "here", pid: 1, version: "test" };
  const handlers = makeJobHandlers({
    store,
    targetOf: () => Promise.resolve(storageTarget),
    optionsOf: () => DEFAULT_MIGRATION_OPTIONS,
    metrics,
    log,
    gate: new CampaignGate(store, Date.now),
    member: new FleetMember({ store, metrics, log, governor: new LoadGovernor(1), concurrency: 1, identity }),
    codec: inlineCodec,
    integrity: new IntegrityChecker({ workers: 1 }),
    onOutcome: (outcome) => outcomes.push(outcome),
  });
  return { handlers, outcomes, metrics, log, stream };
}

async function jobOn(store: Store, asked: Partial<MigrationRequest> = {}, isRestart = false): Promise<string> {
  const { handlers, outcomes } = workerOn(store);
  const request = { actorId: ACTOR.id, requestedAt: new Date().toISOString(), ...asked };
  await handlers.process(request, { jobId: "j", attempt: 1, isRestart, signal: new AbortController().signal });
  return outcomes.map(({ state, reason = "" }) => `${state} ${reason}`.trim()).join();
}

/** Creates the campaign "c" of the actor, starts it, and has the actor fed. */
async function openInCampaign(store: Store, kind: "list" | "scan" = "list"): Promise<void> {
  await startCampaign(store, "c", { ids: [ACTOR.id], spec: { source: { kind } } });
  await feedAll(store, "c", 3);
}

async function counted(store: Store): Promise<string[]> {
  const { byReason } = await store.transact(async (tx) => readCounts(tx, "c"));
  return byReason.map(({ state, reason }) => `${state} ${reason}`);
}

describe("what a worker says of a job", () => {
  let store: MemoryStore;

  beforeEach(() => {
    store = new MemoryStore();
    store.load(v1Rows(ACTOR, syntheticImage(3, "text")));
  });

  it("is that the actor is migrated, also when the commit's result was unknown", async () => {
    expect(await jobOn(new FaultyStore(store, 1, "unknown_happened"))).to.equal("migrated");
  });

  it("is not that it migrated what another worker did meanwhile, whose clock may be ahead", async () => {
    const clock = new TestClock();
    clock.advance(Date.now() + HOUR_MS - clock.nowMs);
    const compete = async (): Promise<void> => {
      await attempt(store, ACTOR, clock);
    };
    expect(await jobOn(new FaultyStore(store, 1, compete))).to.equal("skipped already_migrated");
    expect(await store.transact(async (tx) => ledger.read(tx, ACTOR.id))).to.include({ state: "migrated" });
  });
});

describe("a job of an actor that is awake", () => {
  let store: MemoryStore;

  beforeEach(() => {
    store = new MemoryStore();
    store.load([...v1Rows(ACTOR, syntheticImage(3, "text")), lifeRow(ACTOR, "CONNECTABLE")]);
  });

  const resultOf = async (asked: Partial<MigrationRequest>): Promise<unknown> => {
    const request = { actorId: ACTOR.id, requestedAt: new Date().toISOString(), ...asked };
    return workerOn(store).handlers.process(request, { jobId: "j", attempt: 1, signal: new AbortController().signal });
  };

  it("comes back after a while by itself", async () => {
    expect(await resultOf({}))
      .to.include({ kind: "defer" })
      .with.property("delayMs")
      .that.is.above(0);
  });

  it("is over where it is a campaign's, which keeps the actor and feeds it again", async () => {
    await openInCampaign(store);
    expect(await resultOf({ campaign: "c" })).to.deep.equal({ kind: "done" });
    const { later } = await store.transact(async (tx) => readCounts(tx, "c"));
    expect(later.actors).to.equal(1);
  });
});

describe("a job that was done, and starts once more as Redis was not told", () => {
  it("takes nothing of what its campaign has recorded where no attempt is left", async () => {
    const store = new MemoryStore();
    store.load(v1Rows(ACTOR, syntheticImage(3, "text").fill(0, 0, 16)));
    await openInCampaign(store);
    expect(await jobOn(store, { campaign: "c" })).to.equal("rejected magic_mismatch");
    const { handlers, outcomes } = workerOn(store);
    await handlers.onExhausted(
      { actorId: ACTOR.id, campaign: "c", requestedAt: "" },
      new FerryError("worker_lost", "The worker was lost."),
      { jobId: "j", attempt: 8, isRestart: true },
    );
    expect(outcomes).to.deep.equal([]);
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "rejected", reason: "magic_mismatch" });
    expect(await counted(store)).to.deep.equal(["rejected magic_mismatch"]);
  });
});

describe("a job on behalf of a campaign that is over", () => {
  const asked = { onBehalfOf: "c" };
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    store.load(v1Rows(ACTOR, syntheticImage(3, "text")));
    await openInCampaign(store);
    await workerOn(store).handlers.onExhausted(
      { actorId: ACTOR.id, campaign: "c", requestedAt: "" },
      new FerryError("worker_lost", "The worker was lost."),
      { jobId: "j", attempt: 8 },
    );
    await applyVerb(store, "c", "cancel", { author: { who: "ada" }, nowMs: 4 });
  });

  it("is run, and its outcome is the campaign's", async () => {
    expect(await counted(store)).to.deep.equal(["failed worker_lost"]);
    expect(await jobOn(store, asked)).to.equal("migrated");
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "migrated", campaign: "c" });
    expect(await counted(store)).to.deep.equal(["migrated "]);
  });

  it("is the campaign's also when it fails", async () => {
    const { handlers } = workerOn(store);
    const request = { actorId: ACTOR.id, requestedAt: "", ...asked };
    await handlers.onExhausted(request, new UsageError("Say which --target."), { jobId: "j", attempt: 8 });
    expect(await readOutcome(store, ACTOR.id)).to.include({ state: "failed", reason: "usage", campaign: "c" });
    expect(await counted(store)).to.deep.equal(["failed usage"]);
  });
});

describe("an actor that was taken back to v1", () => {
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    store.load(v1Rows(ACTOR, syntheticImage(3, "text")));
    expect(await jobOn(store)).to.equal("migrated");
    await rollbackActor(contextOn(store, new TestClock()), ACTOR.id, { dryRun: false }, new AbortController().signal);
  });

  it("is left there by a plain job, unless it was asked for in spite of that", async () => {
    const { takenBackAt: at } = (await readOutcome(store, ACTOR.id)) ?? {};
    expect(at).to.be.a("string");
    expect(await jobOn(store)).to.equal("skipped rolled_back");
    expect(await jobOn(store, { rolledBack: { at } })).to.equal("migrated");
  });

  it("stays there where such a job starts once more after another rollback", async () => {
    const { takenBackAt: at } = (await readOutcome(store, ACTOR.id)) ?? {};
    expect(await jobOn(store, { rolledBack: { at } })).to.equal("migrated");
    const clock = new TestClock();
    clock.advance(HOUR_MS);
    await rollbackActor(contextOn(store, clock), ACTOR.id, { dryRun: false }, new AbortController().signal);
    expect(await jobOn(store, { rolledBack: { at } }, true)).to.equal("skipped rolled_back");
  });

  it("is left there by a campaign that scans, and counted as that", async () => {
    await openInCampaign(store, "scan");
    expect(await jobOn(store, { campaign: "c" })).to.equal("skipped rolled_back");
    expect(await counted(store)).to.deep.equal(["skipped rolled_back"]);
  });

  it("is migrated by a campaign whose list names it", async () => {
    await openInCampaign(store, "list");
    expect(await jobOn(store, { campaign: "c" })).to.equal("migrated");
    expect(await counted(store)).to.deep.equal(["migrated "]);
  });

  describe("after a campaign's list had it migrated", () => {
    beforeEach(async () => {
      await openInCampaign(store, "list");
      expect(await jobOn(store, { campaign: "c" })).to.equal("migrated");
      const context = { ...contextOn(store, new TestClock()), ledger: rollbackLedger() };
      expect(await rollbackActor(context, ACTOR.id, { dryRun: false }, new AbortController().signal)).to.include({
        kind: "rolled_back",
      });
    });

    afterEach(async () => {
      expect(await readOutcome(store, ACTOR.id)).to.include({ state: "skipped", reason: "rolled_back" });
      expect(await counted(store)).to.deep.equal(["skipped rolled_back"]);
    });

    it("stays there where that job starts once more, as Redis was not told that it had ended", async () => {
      expect(await jobOn(store, { campaign: "c" }, true)).to.equal("");
    });

    it("stays there where the campaign has a second job of it, as Redis had lost the first", async () => {
      expect(await jobOn(store, { campaign: "c" })).to.equal("skipped rolled_back");
    });

    it("stays there where that job's workers went silent too often", async () => {
      const request = { actorId: ACTOR.id, campaign: "c", requestedAt: "" };
      const error = new FerryError("worker_lost", "The workers of this job went silent too often.");
      await workerOn(store).handlers.onExhausted(request, error, { jobId: "j", attempt: 1, isRestart: true });
    });
  });

  it("stays there where the job is left of another campaign of that name, which was deleted, and the list does not name it", async () => {
    await startCampaign(store, "c", { ids: [testActor(6).id], spec: { source: { kind: "list" } } });
    await feedAll(store, "c", 3);
    expect(await jobOn(store, { campaign: "c" })).to.equal("skipped rolled_back");
  });

  it("is migrated by a job of such a campaign that has put it back meanwhile", async () => {
    await openInCampaign(store, "list");
    await returnActors(store, "c", [ACTOR.id], 5);
    expect(await jobOn(store, { campaign: "c" })).to.equal("migrated");
  });

  it("is migrated by a campaign's job that starts once more before it was done", async () => {
    await openInCampaign(store, "list");
    expect(await jobOn(store, { campaign: "c" }, true)).to.equal("migrated");
  });

  for (const [kind, recorded] of [
    ["scan", "skipped rolled_back"],
    ["list", "failed worker_lost"],
  ] as const) {
    it(`is ${recorded} where no attempt is left of a campaign of a ${kind}`, async () => {
      await openInCampaign(store, kind);
      const { handlers, outcomes } = workerOn(store);
      const request = { actorId: ACTOR.id, campaign: "c", requestedAt: "" };
      const error = new FerryError("worker_lost", "The worker was lost.");
      await handlers.onExhausted(request, error, { jobId: "j", attempt: 8 });
      expect(outcomes.map(({ state, reason = "" }) => `${state} ${reason}`)).to.deep.equal([recorded]);
      expect(await counted(store)).to.deep.equal([recorded]);
    });
  }
});

describe("what a worker records when no attempt is left", () => {
  const request = { actorId: ACTOR.id, requestedAt: new Date().toISOString() };
  const DECISION = { who: "ada", at: "2024-01-02T00:00:00.000Z", why: "leave it" };
  let store: MemoryStore;

  beforeEach(() => {
    store = new MemoryStore();
    store.load(v1Rows(ACTOR, syntheticImage(3, "text")));
  });

  const recorded = (): Promise<Outcome | undefined> => readOutcome(store, ACTOR.id);

  async function exhaust(
    error: Error,
    campaign?: string,
  ): Promise<{ outcomes: Outcome[]; counted: object[]; events: unknown[] }> {
    const { handlers, outcomes, metrics, log, stream } = workerOn(store);
    await handlers.onExhausted({ ...request, ...(campaign === undefined ? {} : { campaign }) }, error, {
      jobId: "j",
      attempt: 8,
    });
    const { values } = await metrics.outcomes.get();
    await log.close();
    const events = stream.lines.map((line) => (JSON.parse(line) as { event?: unknown }).event);
    return { outcomes, counted: values.filter(({ value }) => value > 0).map(({ labels }) => labels), events };
  }

  async function waiveAfter(reason: string): Promise<Outcome | undefined> {
    await exhaust(new FerryError(reason, "The worker was lost."));
    expect(await waiveActor(store, ACTOR.id, DECISION)).to.equal("waived");
    return recorded();
  }

  it("is a failure, counted by its code", async () => {
    const { outcomes, counted, events } = await exhaust(
      new FerryError("codec_thread_failed", "The codec's thread died."),
    );
    expect(events).to.deep.equal(["actor.failed"]);
    expect(counted).to.deep.equal([{ state: "failed", reason: "codec_thread_failed" }]);
    expect(outcomes).to.deep.equal([await recorded()]);
  });

  it("is counted as other where the code is none of the closed set, and in the ledger under its own", async () => {
    const { counted } = await exhaust(new FerryError("something_new", "Nobody has listed this."));
    expect(counted).to.deep.equal([{ state: "failed", reason: "other" }]);
    expect(await recorded()).to.include({ state: "failed", reason: "something_new" });
  });

  it("is no failure of an actor that was migrated after all, by a commit of unknown result", async () => {
    expect(await jobOn(store)).to.equal("migrated");
    const migrated = await recorded();
    const { outcomes, counted, events } = await exhaust(new FerryError("store_timed_out", "Nobody knows."));
    expect(await recorded()).to.deep.equal(migrated);
    expect([outcomes, counted, events]).to.deep.equal([[migrated], [], ["actor.stands"]]);
  });

  it("is nothing of an actor that an operator has waived: it stays waived", async () => {
    const waived = await waiveAfter("worker_lost");
    const { outcomes, counted } = await exhaust(new UsageError("Say which --target."));
    expect(await recorded()).to.deep.equal(waived);
    expect(outcomes).to.deep.equal([waived]);
    expect(counted).to.deep.equal([]);
  });

  it("is a skip in the campaign of a job whose actor was waived", async () => {
    await waiveAfter("worker_lost");
    await openInCampaign(store);
    await exhaust(new UsageError("Say which --target."), "c");
    expect(await counted(store)).to.deep.equal(["skipped waived"]);
  });
});
