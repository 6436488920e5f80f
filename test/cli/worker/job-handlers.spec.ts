import { PassThrough } from "node:stream";
import { expect } from "chai";
import { CampaignGate } from "../../../src/campaign/campaign-gate.ts";
import { ledger } from "../../../src/campaign/ledger.ts";
import { FleetMember } from "../../../src/cli/worker/fleet-member.ts";
import { makeJobHandlers } from "../../../src/cli/worker/job-handlers.ts";
import { inlineCodec } from "../../../src/migration/codec/inline-codec.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../../src/migration/context.ts";
import { IntegrityChecker } from "../../../src/migration/integrity/integrity-checker.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { storageTarget } from "../../../src/migration/targets/storage/storage-target.ts";
import type { JobHandlers } from "../../../src/queue/job-runner.ts";
import { LoadGovernor } from "../../../src/queue/load-governor.ts";
import type { Store } from "../../../src/store/store.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { createMetrics } from "../../../src/telemetry/metrics.ts";
import { FaultyStore } from "../../support/faulty-store.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, TestClock } from "../../support/reference-attempt.ts";
import { syntheticImage, testActor, v1Rows } from "../../support/v1-actors.ts";

const ACTOR = testActor(5);
const HOUR_MS = 3_600_000;

/** Handlers of a worker on this store, and what they were told came of each job. */
function workerOn(store: Store): { handlers: JobHandlers; outcomes: Outcome[] } {
  const outcomes: Outcome[] = [];
  const metrics = createMetrics({ version: "test" }, { processMetrics: false });
  const log = createLogger({ stream: new PassThrough().resume() });
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
  return { handlers, outcomes };
}

async function jobOn(store: Store): Promise<string> {
  const { handlers, outcomes } = workerOn(store);
  const request = { actorId: ACTOR.id, requestedAt: new Date().toISOString() };
  await handlers.process(request, { jobId: "j", attempt: 1, signal: new AbortController().signal });
  return outcomes.map(({ state, reason = "" }) => `${state} ${reason}`.trim()).join();
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
