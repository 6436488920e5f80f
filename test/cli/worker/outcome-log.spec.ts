import { expect } from "chai";
import { logOutcome } from "../../../src/cli/worker/outcome-log.ts";
import type { Outcome } from "../../../src/migration/outcome.ts";
import { createLogger, type LogLevel } from "../../../src/telemetry/log.ts";
import { MemoryStream } from "../../telemetry/memory-stream.ts";
import { testActor } from "../../support/v1-actors.ts";

const STATES = ["migrated", "skipped", "rejected", "deferred", "failed"] as const;

/** Events and severities of the lines for one outcome of each state. */
async function lines(level: LogLevel, detail?: string): Promise<string[]> {
  const stream = new MemoryStream();
  const log = createLogger({ stream, level, format: "json" });
  for (const state of STATES) {
    const outcome = { actorId: testActor(1).id, state, detail, attempts: 1, finishedAt: "" } as Outcome;
    logOutcome(log, outcome, { phase: "check", durationMs: 1, phaseMs: {} });
  }
  await log.close();
  return stream.lines.map((line) => {
    const { severity, event } = JSON.parse(line) as { severity: string; event: string };
    return `${severity} ${event}`;
  });
}

describe("the log of outcomes", () => {
  it("tells at info of what someone has to look at, and of nothing else", async () => {
    expect(await lines("info")).to.deep.equal(["WARN actor.rejected", "ERROR actor.failed"]);
  });

  it("counts among that a migration that leaves something to do, or to know", async () => {
    const migrated = ["WARN actor.migrated", "WARN actor.rejected", "ERROR actor.failed"];
    expect(await lines("info", "wake it")).to.deep.equal(migrated);
  });

  it("tells of every actor when it is asked for", async () => {
    expect(await lines("debug")).to.deep.equal([
      "DEBUG actor.migrated",
      "DEBUG actor.skipped",
      "WARN actor.rejected",
      "DEBUG actor.deferred",
      "ERROR actor.failed",
    ]);
  });
});
