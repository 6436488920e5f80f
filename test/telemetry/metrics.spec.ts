import { expect } from "chai";

import type { Outcome } from "../../src/migration/outcome.ts";
import { parseActorId } from "../../src/formats/actor-id.ts";
import { AttemptMeter } from "../../src/telemetry/attempt-meter.ts";
import { createMetrics } from "../../src/telemetry/metrics.ts";
import { OUTCOME_LABELS } from "../../src/telemetry/outcome-labels.ts";
import { sampleQueue } from "../../src/telemetry/queue-meter.ts";
import { storeMeter } from "../../src/telemetry/store-meter.ts";
import { countWorkerEvent } from "../../src/telemetry/worker-meter.ts";
import { newActor } from "../queue/requests.ts";

const create = (): ReturnType<typeof createMetrics> => createMetrics({ version: "1.2.3" }, { processMetrics: false });

/** The sample lines, e.g. `ferry_pages_total 7`. */
async function samples(metrics: ReturnType<typeof createMetrics>): Promise<string[]> {
  return (await metrics.registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

function outcome(rest: Pick<Outcome, "state"> & Partial<Outcome>): Outcome {
  return { actorId: newActor(), attempts: 1, finishedAt: "2026-01-01T00:00:00.000Z", ...rest };
}

describe("telemetry/metrics", () => {
  it("names the engine's metrics as the engine does", async () => {
    const names = (await create().registry.getMetricsAsJSON()).map((metric) => metric.name);
    expect(names).to.include.members([
      "pegboard_sqlite_migration_attempts_total",
      "pegboard_sqlite_migration_successes_total",
      "pegboard_sqlite_migration_failures_total",
      "pegboard_sqlite_migration_duration_seconds",
      "pegboard_sqlite_migration_pages",
      "pegboard_sqlite_migration_rejected_journal_total",
    ]);
  });

  it("starts every closed label set at 0", async () => {
    const lines = await samples(create());
    for (const { state, reason } of OUTCOME_LABELS) {
      expect(lines).to.include(`ferry_outcomes_total{state="${state}",reason="${reason}"} 0`);
    }
    expect(lines).to.include('pegboard_sqlite_migration_failures_total{phase="read_v1"} 0');
    expect(lines).to.include('ferry_activity_seconds_total{activity="throttled_operator"} 0');
    expect(lines).to.include('ferry_queue_jobs{state="waiting"} 0');
    expect(lines).to.include('ferry_build_info{version="1.2.3",revision=""} 1');
  });

  it("follows the naming conventions: counters end in _total, nothing else does, all have help", async () => {
    for (const metric of await create().registry.getMetricsAsJSON()) {
      expect(metric.name.endsWith("_total"), metric.name).to.equal(String(metric.type) === "counter");
      expect(metric.help, metric.name).to.match(/\.$/);
      expect(metric.name).to.not.match(/_(ms|milliseconds|kb|percent)(_|$)/);
    }
  });

  it("serves Node's own metrics unless told otherwise", async () => {
    const metrics = createMetrics({ version: "1", revision: "abc" });
    expect(await metrics.registry.metrics()).to.contain("process_resident_memory_bytes");
  });

  it("counts a migrated actor in the engine's metrics and in Ferry's", async () => {
    const metrics = create();
    let nowMs = 1_000;
    const meter = new AttemptMeter(metrics, () => nowMs);
    nowMs += 500;
    meter.enter("write");
    nowMs += 1_500;
    const times = meter.ended(outcome({ state: "migrated", pages: 7, bytes: 28_672 }));
    expect(times).to.deep.equal({ phase: "write", durationMs: 2_000, phaseMs: { read: 500, write: 1_500 } });
    expect(await samples(metrics)).to.include.members([
      "pegboard_sqlite_migration_attempts_total 1",
      "pegboard_sqlite_migration_successes_total 1",
      "pegboard_sqlite_migration_duration_seconds_sum 2",
      "pegboard_sqlite_migration_pages_sum 7",
      'ferry_outcomes_total{state="migrated",reason=""} 1',
      "ferry_pages_total 7",
      "ferry_image_bytes_total 28672",
      'ferry_phase_duration_seconds_sum{phase="read"} 0.5',
      'pegboard_sqlite_migration_failures_total{phase="finalize"} 0',
    ]);
  });

  it("counts a rejected journal and its phase as the engine does", async () => {
    const metrics = create();
    const meter = new AttemptMeter(metrics);
    meter.enter("check");
    meter.ended(outcome({ state: "rejected", reason: "journal_present" }));
    expect(await samples(metrics)).to.include.members([
      "pegboard_sqlite_migration_rejected_journal_total 1",
      'pegboard_sqlite_migration_failures_total{phase="validate"} 1',
      "pegboard_sqlite_migration_successes_total 0",
    ]);
  });

  it("counts what was done about journals", async () => {
    const metrics = create();
    const meter = new AttemptMeter(metrics);
    for (const journal of ["hot", "hot", "empty", "absent"]) {
      meter.ended(outcome({ state: "migrated", recovery: { journal } }));
    }
    meter.ended(outcome({ state: "rejected", reason: "journal_present" }));
    // Another worker has done that, which this attempt found recorded.
    meter.ended(outcome({ state: "skipped", reason: "already_migrated", recovery: { journal: "hot" } }));
    const counted = (await samples(metrics)).filter((line) => line.startsWith("ferry_journals_total"));
    expect(counted).to.have.members([
      'ferry_journals_total{action="rolled_back"} 2',
      'ferry_journals_total{action="not_hot"} 1',
      'ferry_journals_total{action="rejected"} 1',
    ]);
  });

  it("keeps the label set closed when a failure has a code nobody listed", async () => {
    const metrics = create();
    new AttemptMeter(metrics).ended(outcome({ state: "failed", reason: "something_new" }));
    expect(await samples(metrics)).to.include('ferry_outcomes_total{state="failed",reason="other"} 1');
  });

  it("counts an error by the phase it came in, and lost fences and leases", async () => {
    const metrics = create();
    const meter = new AttemptMeter(metrics);
    meter.enter("verify");
    meter.fenceLost("lease_lost");
    expect(meter.threw().phase).to.equal("verify");
    expect(await samples(metrics)).to.include.members([
      'pegboard_sqlite_migration_failures_total{phase="verify"} 1',
      "ferry_fence_losses_total 1",
      "ferry_lease_losses_total 1",
    ]);
    new AttemptMeter(metrics).fenceLost("meta_changed");
    expect(await samples(metrics)).to.include.members(["ferry_fence_losses_total 2", "ferry_lease_losses_total 1"]);
  });

  it("counts transactions by label and result, and times only commits", async () => {
    const metrics = create();
    const observe = storeMeter(metrics);
    observe({ label: "stage", result: "committed", writtenBytes: 1, durationMs: 9, commitMs: 4 });
    observe({ label: "stage", result: "conflict", writtenBytes: 1, durationMs: 9, commitMs: 0 });
    expect(await samples(metrics)).to.include.members([
      'ferry_store_transactions_total{label="stage",result="committed"} 1',
      'ferry_store_transactions_total{label="stage",result="conflict"} 1',
      "ferry_store_commit_duration_seconds_count 1",
      "ferry_store_commit_duration_seconds_sum 0.004",
    ]);
  });

  it("counts what a worker host tells", async () => {
    const metrics = create();
    const facts = { actorId: parseActorId(newActor()), jobId: "j", attempt: 1 };
    countWorkerEvent(metrics, { type: "lock_lost", ...facts });
    countWorkerEvent(metrics, { type: "job_retrying", durationMs: 1, delayMs: 1, error: new Error("x"), ...facts });
    const waits = { durationMs: 1, delayMs: 1, error: new Error("x"), ...facts };
    countWorkerEvent(metrics, { type: "job_waits_for_store", ...waits });
    countWorkerEvent(metrics, { type: "state_changed", state: "draining" });
    countWorkerEvent(metrics, { type: "queue_error", error: new Error("x") });
    countWorkerEvent(metrics, { type: "job_started", ...facts });
    expect(await samples(metrics)).to.include.members([
      "ferry_lock_losses_total 1",
      "ferry_retries_total 2",
      "ferry_draining 1",
      "ferry_queue_errors_total 1",
    ]);
  });

  it("shows the queue and Redis as they are", async () => {
    const metrics = create();
    const sample = (evictionPolicy: string): Promise<void> =>
      sampleQueue(metrics, {
        counts: () =>
          Promise.resolve({ waiting: 4, active: 3, delayed: 2, failed: 1, isPaused: false, oldestWaitingMs: 1_500 }),
        connectedWorkers: () => Promise.resolve(5),
        redisFacts: () =>
          Promise.resolve({ version: "7.0.0", evictionPolicy, usedBytes: 25, maxBytes: 100, isReplica: false }),
      });
    await sample("allkeys-lru");
    expect(await samples(metrics)).to.include.members([
      'ferry_queue_jobs{state="waiting"} 4',
      'ferry_queue_jobs{state="failed"} 1',
      "ferry_queue_oldest_job_age_seconds 1.5",
      "ferry_connected_workers 5",
      "ferry_redis_memory_ratio 0.25",
      "ferry_redis_evicts 1",
    ]);
    for (const policy of ["noeviction", "unknown"]) {
      await sample(policy);
      expect(await samples(metrics), policy).to.include("ferry_redis_evicts 0");
    }
  });
});
