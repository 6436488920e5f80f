import { expect } from "chai";

import type { Campaign } from "../../src/campaign/campaign.ts";
import type { CountedCampaign } from "../../src/campaign/feeder/feeder-observer.ts";
import type { QueueCounts } from "../../src/queue/queue-scripts.ts";
import { CampaignMeter } from "../../src/telemetry/campaign-meter.ts";
import { createMetrics, type Metrics } from "../../src/telemetry/metrics.ts";
import { campaignIn, countsOf, NOW_MS, worker } from "../support/campaign-facts.ts";

const EMPTY: QueueCounts = { waiting: 0, active: 0, delayed: 0, failed: 0, isPaused: false, oldestWaitingMs: 0 };
const SLOTS = 4;

function campaign(name: string, state: Campaign["state"], actors: Parameters<typeof countsOf>[0]): CountedCampaign {
  return { campaign: campaignIn(state, { name }), counts: countsOf(actors) };
}

describe("telemetry/campaign-meter", () => {
  let metrics: Metrics;
  let meter: CampaignMeter;

  beforeEach(() => {
    metrics = createMetrics({ version: "1" }, { processMetrics: false });
    meter = new CampaignMeter(metrics, SLOTS);
    meter.leading(true);
  });

  /** The sample lines of campaigns and of the wanted workers. */
  const samples = async (pattern = /^ferry_(campaign|ledger_drift|desired)/): Promise<string[]> =>
    (await metrics.registry.metrics()).split("\n").filter((line) => pattern.test(line));
  const wanted = async (): Promise<string | undefined> => (await samples(/^ferry_desired_workers/))[0]?.split(" ")[1];
  const fleet = (patch: { workers?: number; throttled?: boolean; concurrentActors?: number } = {}) => ({
    workers: Array.from({ length: patch.workers ?? 2 }, () =>
      worker(patch.throttled === true ? { throttledBecause: "the store is busy" } : {}),
    ),
    limits: patch.concurrentActors === undefined ? {} : { concurrentActors: patch.concurrentActors },
  });

  it("shows each campaign's actors, bytes and state", async () => {
    meter.counted([campaign("a", "running", { todo: 1, open: 2, later: 3, migrated: 4 })]);
    expect(await samples()).to.include.members([
      'ferry_campaign_actors{campaign="a",state="pending"} 6',
      'ferry_campaign_actors{campaign="a",state="migrated"} 4',
      'ferry_campaign_bytes{campaign="a",state="migrated"} 16384',
      'ferry_campaign_info{campaign="a",state="running"} 1',
    ]);
  });

  it("shows the state a campaign has now, and no other", async () => {
    meter.counted([campaign("a", "running", {})]);
    meter.counted([campaign("a", "paused", {})]);
    expect(await samples(/^ferry_campaign_info/)).to.deep.equal(['ferry_campaign_info{campaign="a",state="paused"} 1']);
  });

  it("tells a campaign that the circuit breaker paused from one that an operator did", async () => {
    const paused = campaign("mine", "paused", {});
    const tripped = { ...paused, campaign: campaignIn("paused", { name: "tripped", breakerTripped: true }) };
    meter.counted([paused, tripped]);
    expect(await samples(/^ferry_campaign_breaker/)).to.deep.equal([
      'ferry_campaign_breaker_tripped{campaign="mine"} 0',
      'ferry_campaign_breaker_tripped{campaign="tripped"} 1',
    ]);
  });

  it("drops everything of a campaign that is gone", async () => {
    meter.drifted("mm", 3);
    meter.counted([campaign("mm", "cancelled", { todo: 960 }), campaign("other", "running", { migrated: 1 })]);
    expect((await samples()).join("\n")).to.contain('ferry_ledger_drift{campaign="mm"} 3');
    meter.counted([campaign("other", "running", { migrated: 2 })]);
    const left = await samples();
    expect(left.join("\n")).to.not.contain('"mm"');
    expect(left).to.include('ferry_campaign_actors{campaign="other",state="migrated"} 2');
    meter.counted([campaign("mm", "created", {})]);
    expect(await samples(/^ferry_ledger_drift/)).to.deep.equal([]);
  });

  it("keeps a campaign's drift when another one completes clean", async () => {
    meter.drifted("a", 3);
    meter.drifted("b", 0);
    meter.counted([campaign("a", "completed", {}), campaign("b", "completed", {})]);
    expect(await samples(/^ferry_ledger_drift/)).to.deep.equal([
      'ferry_ledger_drift{campaign="a"} 3',
      'ferry_ledger_drift{campaign="b"} 0',
    ]);
  });

  it("shows nothing while another feeder leads, and what it found again once it leads itself", async () => {
    meter.drifted("a", 3);
    meter.counted([campaign("a", "completed", {})]);
    meter.queued(EMPTY, fleet(), NOW_MS);
    meter.leading(false);
    meter.counted([campaign("a", "completed", {})]);
    meter.queued({ ...EMPTY, waiting: 9 }, fleet(), NOW_MS);
    expect(await samples()).to.deep.equal([]);
    meter.leading(true);
    meter.counted([campaign("a", "completed", {})]);
    expect(await samples()).to.include('ferry_ledger_drift{campaign="a"} 3');
  });

  it("wants workers for what waits and runs, within the fleet's limit", async () => {
    meter.counted([]);
    meter.queued({ ...EMPTY, waiting: 20, active: 1 }, fleet(), NOW_MS);
    expect(await wanted()).to.equal("6");
    meter.queued({ ...EMPTY, waiting: 20, active: 1 }, fleet({ concurrentActors: 8 }), NOW_MS);
    expect(await wanted()).to.equal("2");
    meter.queued({ ...EMPTY, waiting: 20 }, fleet({ throttled: true }), NOW_MS);
    expect(await wanted()).to.equal("2");
  });

  describe("under a rate", () => {
    const burst = { ...EMPTY, waiting: 176, active: 4 };
    const limits = { actorsPerSecond: 60 };
    /** Workers of which so many slots were at work in the last minute. */
    const busy = (workers: number, slots: number) =>
      Array.from({ length: workers }, () =>
        worker({ recentSeconds: { write: (60 * slots) / workers, idle: 60 * (SLOTS - slots / workers) } }),
      );
    const paced = (name: string, settings: object): CountedCampaign => ({
      campaign: campaignIn("running", { name, settings: { window: 1000, ...settings } }),
      counts: countsOf({ todo: 5 }),
    });

    it("wants no more workers for a burst that those there are keep up with", async () => {
      meter.counted([campaign("a", "running", { todo: 5 })]);
      meter.queued(burst, { workers: busy(2, 1), limits }, NOW_MS);
      expect(await wanted()).to.equal("1");
      meter.queued(burst, { workers: busy(2, 5), limits }, NOW_MS);
      expect(await wanted()).to.equal("3");
    });

    it("wants more, a step at a time, where all are busy, and one where there is none", async () => {
      meter.counted([campaign("a", "running", { todo: 5 })]);
      meter.queued(burst, { workers: busy(2, 8), limits }, NOW_MS);
      expect(await wanted()).to.equal("4");
      meter.queued(burst, { workers: busy(40, 160), limits }, NOW_MS);
      expect(await wanted()).to.equal("45");
      meter.queued(burst, { workers: [], limits }, NOW_MS);
      expect(await wanted()).to.equal("1");
    });

    it("goes by the backlog where some of what is fed keeps to none", async () => {
      const free = campaign("free", "running", { todo: 5 });
      for (const [running, wants] of [
        [[paced("a", limits), free], "45"],
        [[paced("a", { ...limits, ratesUntilMs: NOW_MS })], "45"],
        [[paced("a", { concurrentActors: 500 })], "45"],
        [[paced("a", limits), paced("b", { bytesPerSecond: 1 })], "1"],
      ] as const) {
        meter.counted(running);
        meter.queued(burst, { workers: busy(2, 1), limits: {} }, NOW_MS);
        expect(await wanted()).to.equal(wants);
      }
    });

    it("goes by the backlog while no campaign runs: what is asked for by hand is under no limit", async () => {
      meter.counted([campaign("a", "paused", { todo: 5 })]);
      meter.queued(burst, { workers: [], limits }, NOW_MS);
      expect(await wanted()).to.equal("45");
    });
  });

  it("wants one worker at least while a campaign runs, though the queue is empty between two feeds", async () => {
    meter.counted([campaign("a", "running", { later: 1 }), campaign("b", "completed", {})]);
    meter.queued(EMPTY, fleet({ workers: 0 }), NOW_MS);
    expect(await wanted()).to.equal("1");
  });

  it("wants one worker at least while jobs are put off, as nobody else brings them back", async () => {
    meter.counted([]);
    meter.queued({ ...EMPTY, delayed: 50 }, fleet({ workers: 0 }), NOW_MS);
    expect(await wanted()).to.equal("1");
  });

  it("wants none where no campaign runs and nothing waits", async () => {
    meter.counted([campaign("a", "paused", { todo: 5 }), campaign("b", "created", { todo: 5 })]);
    meter.queued(EMPTY, fleet(), NOW_MS);
    expect(await wanted()).to.equal("0");
  });

  it("says nothing of workers before a round has looked for campaigns", async () => {
    meter.queued(EMPTY, fleet(), NOW_MS);
    expect(await wanted()).to.equal(undefined);
  });
});
