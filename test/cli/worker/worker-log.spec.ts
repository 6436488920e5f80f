import { expect } from "chai";
import { logWorkerEvent } from "../../../src/cli/worker/worker-log.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { createLogger } from "../../../src/telemetry/log.ts";
import { RepeatedErrors } from "../../../src/telemetry/repeated-errors.ts";
import { MemoryStream } from "../../telemetry/memory-stream.ts";
import { testActor } from "../../support/v1-actors.ts";

describe("the log of a worker", () => {
  it("says once in ten seconds that the store serves no job, with how many it is about", async () => {
    let nowMs = 1_000_000;
    const stream = new MemoryStream();
    const log = createLogger({ stream, level: "info", format: "json" });
    const repeated = new RepeatedErrors(() => nowMs);
    for (let job = 0; job < 5; job += 1) {
      nowMs += job === 4 ? 10_000 : 1;
      const facts = { actorId: testActor(job).id, jobId: String(job), attempt: 1, durationMs: 1, delayMs: 2 };
      const error = new StoreError("disk_full", "no room");
      logWorkerEvent(log, { type: "job_waits_for_store", ...facts, error }, repeated);
    }
    await log.close();
    const told = stream.lines.map((line) => {
      const { event, jobId, times } = JSON.parse(line) as Record<string, unknown>;
      return [event, jobId, times];
    });
    expect(told).to.deep.equal([
      ["queue.job_waits_for_store", "0", 1],
      ["queue.job_waits_for_store", "4", 4],
    ]);
  });
});
