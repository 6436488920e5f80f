import { expect } from "chai";
import type { Campaign } from "../../../src/campaign/campaign.ts";
import type { CountedCampaign } from "../../../src/campaign/feeder/feeder-observer.ts";
import { ProgressLog } from "../../../src/cli/feeder/progress-log.ts";
import { createLogger, type Logger } from "../../../src/telemetry/log.ts";
import { campaignIn, countsOf } from "../../support/campaign-facts.ts";
import { MemoryStream } from "../../telemetry/memory-stream.ts";

function counted(name: string, state: Campaign["state"], actors: Parameters<typeof countsOf>[0]): CountedCampaign {
  return { campaign: campaignIn(state, { name }), counts: countsOf(actors) };
}

describe("the feeder's log of progress", () => {
  let stream: MemoryStream;
  let log: Logger;
  let nowMs: number;
  let progress: ProgressLog;

  beforeEach(() => {
    stream = new MemoryStream();
    log = createLogger({ stream, format: "json" });
    nowMs = 0;
    progress = new ProgressLog(log, () => nowMs);
  });

  /** What it has said since. */
  const said = async (): Promise<Record<string, unknown>[]> => {
    await log.close();
    return stream.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  };

  it("says where a running campaign stands, once a minute and not with every round", async () => {
    for (let migrated = 0; migrated <= 480; migrated += 1) {
      progress.counted([counted("a", "running", { todo: 1000 - migrated, migrated, rejected: 2 })]);
      nowMs += 250;
    }
    const lines = await said();
    expect(lines.map(({ migrated }) => migrated)).to.deep.equal([240, 480]);
    expect(lines[0]).to.include({
      severity: "INFO",
      event: "campaign.progress",
      campaign: "a",
      state: "running",
      pending: 760,
      skipped: 0,
      rejected: 2,
      deferred: 0,
      failed: 0,
    });
  });

  it("says nothing of one that does not move", async () => {
    for (let round = 0; round < 10; round += 1) {
      progress.counted([counted("a", "running", { todo: 5 }), counted("b", "completed", { migrated: 5 })]);
      nowMs += 60_000;
    }
    expect(await said()).to.deep.equal([]);
  });

  it("says at once where it stands when it is over", async () => {
    progress.counted([counted("a", "running", { todo: 1, migrated: 8 })]);
    nowMs += 250;
    progress.counted([counted("a", "completed", { migrated: 9 })]);
    progress.counted([counted("a", "completed", { migrated: 9 })]);
    progress.counted([counted("a", "completed", { migrated: 9, skipped: 1 })]);
    expect(await said())
      .to.have.lengthOf(1)
      .with.property("0")
      .that.includes({ state: "completed", pending: 0, migrated: 9 });
  });

  it("forgets a campaign that is gone", async () => {
    progress.counted([counted("a", "completed", { migrated: 9 })]);
    progress.counted([]);
    progress.counted([counted("a", "created", { todo: 3 })]);
    expect(await said()).to.deep.equal([]);
  });
});
