import { expect } from "chai";
import fc from "fast-check";
import type { CampaignSettings } from "../../../src/campaign/campaign.ts";
import type { Limits } from "../../../src/campaign/limits.ts";
import { explainCampaign } from "../../../src/campaign/explain/explain-campaign.ts";
import type { Explanation } from "../../../src/campaign/explain/explanation.ts";
import type { QueueLook } from "../../../src/campaign/explain/queue-finding.ts";
import type { Heartbeat } from "../../../src/campaign/fleet/heartbeats.ts";
import { percentagesOf } from "../../../src/campaign/progress/percentages.ts";
import { RecentActivity } from "../../../src/campaign/fleet/recent-activity.ts";
import { campaignIn, countsOf, NOW_MS, samplesOf, viewOf, worker } from "../../support/campaign-facts.ts";

describe("percentages", () => {
  it("add up to exactly 100, whole and none below zero, for any amounts of which one is more than none", () => {
    const amounts = fc.dictionary(fc.string(), fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }), {
      maxKeys: 12,
    });
    fc.assert(
      fc.property(amounts, (given) => {
        const shares = percentagesOf(given);
        const sum = shares.reduce((all, { percent }) => all + percent, 0);
        expect(sum).to.equal(Object.values(given).some((amount) => amount > 0) ? 100 : 0);
        for (const { percent } of shares) {
          expect(percent).to.be.within(0, 100);
          expect(Number.isInteger(percent)).to.equal(true);
        }
      }),
    );
  });

  it("give what rounding leaves to the largest remainders, and put the largest first", () => {
    expect(percentagesOf({ a: 1, b: 1, c: 1 }).map(({ percent }) => percent)).to.deep.equal([34, 33, 33]);
    expect(percentagesOf({ read: 1, write: 8, idle: 0 })).to.deep.equal([
      { name: "write", percent: 89 },
      { name: "read", percent: 11 },
    ]);
  });
});

describe("explain", () => {
  const busy = worker({ recentSeconds: { read: 10, encode: 50, write: 30, idle: 10 } });
  const explain = (patch: Parameters<typeof viewOf>[0] = {}): Explanation =>
    explainCampaign(viewOf({ workers: [busy], ...patch }));

  it("names what is missing before anything else", () => {
    expect(explain({ campaign: campaignIn("created") }).limit).to.equal("not_started");
    const paused = explain({ campaign: campaignIn("paused", { stateReason: "Circuit breaker: 60 of 60." }) });
    expect(paused.sentence).to.equal("Campaign spring is paused: Circuit breaker: 60 of 60.");
    expect(paused.advice).to.contain("ferry campaign resume spring");
    expect(explain({ workers: [] }).limit).to.equal("no_workers");
    expect(explain({ workers: [] }).advice).to.equal("Start workers: ferry worker");
    expect(explain({ workers: [], feeding: false }).advice).to.equal(
      "Start workers: ferry worker; and a feeder: ferry feeder",
    );
    expect(explain({ feeding: false }).limit).to.equal("no_feeder");
    expect(explain({ counts: countsOf({ later: 3, migrated: 1 }) }).limit).to.equal("deferred_actors");
    expect(explain({ campaign: campaignIn("completed") }).limit).to.equal("over");
  });

  it("does not call for workers where the queue knows of some, who write no heartbeat", () => {
    const look = { kind: "seen", waiting: 4, active: 0, delayed: 0 } as const;
    const at = (connected?: number): Explanation => explainCampaign(viewOf({ workers: [] }), { ...look, connected });
    const { limit, sentence, advice } = at(2);
    expect(limit).to.equal("no_workers");
    expect(sentence).to.match(
      /^No worker's heartbeat is in the store, though 2 workers can be seen on the queue: \d+ actors to go\.$/,
    );
    expect(advice).to.contain("it may be full");
    for (const connected of [0, undefined]) {
      expect(at(connected).advice).to.equal("Start workers: ferry worker");
    }
  });

  it("names a queue that workers have lost before a feeder that has stopped for it", () => {
    const lost = worker({ queueLost: true });
    const { limit, sentence, advice } = explain({ workers: [lost, busy], feeding: false });
    expect(limit).to.equal("queue");
    expect(sentence).to.match(/^The queue cannot be reached, .*: 1 of 2 workers has lost Redis\.$/);
    expect(advice).to.contain("Bring Redis back");
    expect(explain({ workers: [lost], campaign: campaignIn("draining") }).limit).to.equal("queue");
    expect(explain({ workers: [lost], campaign: campaignIn("paused") }).limit).to.equal("paused");
  });

  it("believes a look at the queue from here where no worker works on anything, and nothing gets done", () => {
    const samples = samplesOf([400, 400, 400]);
    const because = "Redis at redis://there does not answer.";
    const look: QueueLook = { kind: "unreachable", because, answers: false };
    const at = (...workers: Heartbeat[]): string => explainCampaign(viewOf({ workers, samples }), look).sentence;
    expect(at()).to.match(/^The queue cannot be reached.*: Redis at redis:\/\/there does not answer\.$/);
    expect(at(worker({ inFlight: { spring: 0 } }))).to.contain(because);
    expect(at({ ...busy, inFlight: { spring: 3 } })).not.to.contain("queue");
    const full = { because: "Redis at redis://there has reached its maxmemory.", answers: true } as const;
    const { limit, sentence, advice } = explainCampaign(viewOf({ samples }), { kind: "unreachable", ...full });
    expect(limit).to.equal("queue");
    expect(sentence).to.match(/^The queue cannot be used, .*: Redis at redis:\/\/there has reached its maxmemory\.$/);
    expect(advice).to.contain("Mend what it says");
    const moving = viewOf({ samples: samplesOf([360, 380, 400]), counts: countsOf({ todo: 500, migrated: 401 }) });
    const evicts = { because: "Redis at redis://there may evict jobs.", answers: true } as const;
    for (const each of [look, { kind: "unreachable", ...evicts } as const]) {
      expect(explainCampaign(moving, each).sentence).not.to.contain("queue");
    }
  });

  it("says also what was seen from here where workers have lost the queue, and wants Redis back only where it does not answer", () => {
    const at = (look: QueueLook): string => {
      const { sentence, advice } = explainCampaign(viewOf({ workers: [worker({ queueLost: true })] }), look);
      return `${sentence} ${advice}`;
    };
    const because = "Redis at redis://there refuses these credentials: give the right user and password.";
    expect(at({ kind: "unreachable", because, answers: true }))
      .to.contain(`1 of 1 worker has lost Redis. From here: ${because}`)
      .and.not.to.contain("Bring Redis back");
    expect(at({ kind: "seen", waiting: 0, active: 0, delayed: 0 }))
      .to.contain("Redis answers from here")
      .and.not.to.contain("Bring Redis back");
    expect(at({ kind: "unreachable", because: "It does not answer.", answers: false })).to.contain("Bring Redis back");
  });

  it("names retries where most of what was fed waits to be tried again, and not the feeder, a tail or a limit", () => {
    const idle = worker({ recentSeconds: { idle: 97, read: 3 } });
    const at = (view: Parameters<typeof viewOf>[0], look?: QueueLook): Explanation =>
      explainCampaign(viewOf({ workers: [idle], ...view }), look);
    const full = countsOf({ todo: 9_000, open: 1_000 });
    const delayed = { kind: "seen", waiting: 0, active: 4, delayed: 1_000 } as const;
    const { limit, sentence, advice } = at({ counts: full }, delayed);
    expect(limit).to.equal("retries");
    expect(sentence).to.contain("waits to be tried again after errors: 996 actors.");
    expect(advice).to.contain("queue.job_retrying");
    expect(at({ counts: countsOf({ open: 1_000 }) }, delayed).limit).to.equal("retries");
    expect(at({ counts: full, fleet: { concurrentActors: 1_000 } }, delayed).limit).to.equal("retries");
    // Another campaign's jobs that are delayed are not this one's, whose last three are under way.
    expect(at({ counts: countsOf({ open: 3, migrated: 9 }) }, { ...delayed, active: 3 }).limit).to.equal("tail");
    expect(at({ counts: full }, { ...delayed, waiting: 900, delayed: 96 }).limit).to.equal("feeding");
  });

  it("does not blame a feeder that has fed all there is room for, where nobody has looked at the queue", () => {
    const idle = worker({ recentSeconds: { idle: 97, read: 3 } });
    for (const counts of [countsOf({ todo: 9_000, open: 1_000 }), countsOf({ open: 1_000 })]) {
      const { limit, sentence, advice } = explain({ workers: [idle], counts });
      expect(limit).to.equal("retries");
      expect(sentence).to.contain("or Redis is slow");
      expect(advice).to.contain("ferry campaign explain spring");
    }
  });

  it("says what busy workers are busiest with", () => {
    const { limit, sentence, attribution, attributionOf } = explain();
    expect(limit).to.equal("workers");
    expect(sentence).to.match(/most of all with encode \(50 % of their time\)/);
    expect(attribution.reduce((sum, { percent }) => sum + percent, 0)).to.equal(100);
    expect(attributionOf).to.equal("the last minute");
  });

  it("blames the store when workers hold back for it, with the reason they give", () => {
    const held = worker({
      limit: 1,
      throttledBecause: "commits take 900 ms",
      recentSeconds: { throttled_store: 3, write: 1 },
    });
    const { limit, sentence } = explain({ workers: [held] });
    expect(limit).to.equal("store");
    expect(sentence).to.contain("75 %").and.contain("commits take 900 ms");
  });

  it("blames the operator's limits, and names the setting that lifts them", () => {
    const held = worker({ recentSeconds: { throttled_operator: 3, write: 1 } });
    const settings = { window: 1000, actorsPerSecond: 5 };
    const own = explain({ workers: [held], campaign: campaignIn("running", { settings }) });
    expect(own.limit).to.equal("operator");
    expect(own.advice).to.contain("ferry campaign set spring --rate off");
    const fleet = explain({ workers: [held], fleet: { concurrentActors: 2 } });
    expect(fleet.sentence).to.contain("2 actors at once");
    expect(fleet.advice).to.contain("ferry throttle clear");
  });

  it("blames rates also where workers wait for them rather than hold back, unless it goes far slower than they allow", () => {
    const idle = worker({ recentSeconds: { idle: 9, write: 1 } });
    const at = (actorsPerSecond: number): string =>
      explain({ workers: [idle], campaign: campaignIn("running", { settings: { window: 1000, actorsPerSecond } }) })
        .limit;
    // The samples say 10 actors/s.
    expect([at(10), at(15), at(500)]).to.deep.equal(["operator", "operator", "feeding"]);
    const bytes = explain({ workers: [idle], fleet: { bytesPerSecond: 50 * 1024 * 1024 } });
    expect(bytes.sentence).to.contain("50 MiB/s");
    expect(explain({ workers: [idle], fleet: { concurrentActors: 5_000 } }).limit).to.equal("feeding");
  });

  it("blames rates that are reached also where workers' last minute was a busy one: more of them would change nothing", () => {
    // The samples say 10 actors/s, and 40 KiB/s.
    const at = (rates: Partial<CampaignSettings>): string =>
      explain({ campaign: campaignIn("running", { settings: { window: 1000, ...rates } }) }).limit;
    expect([at({ actorsPerSecond: 9 }), at({ actorsPerSecond: 11 })]).to.deep.equal(["operator", "operator"]);
    expect([at({ actorsPerSecond: 15 }), at({ actorsPerSecond: 500 })]).to.deep.equal(["workers", "workers"]);
    expect([at({ bytesPerSecond: 40 * 1024 }), at({ bytesPerSecond: 1e9 })]).to.deep.equal(["operator", "workers"]);
    expect(explain({ counts: countsOf({ open: 100 }), fleet: { actorsPerSecond: 9 } }).limit).to.equal("workers");
  });

  it("names those of the campaign's limits and the fleet's that are reached, and both where neither is", () => {
    const held = worker({ recentSeconds: { throttled_operator: 3, write: 1 } });
    const at = (own: Partial<CampaignSettings>, fleet: Limits): Explanation =>
      explain({ workers: [held], fleet, campaign: campaignIn("running", { settings: { window: 1000, ...own } }) });
    // The samples say 10 actors/s, and 100 actors are under way.
    const loose = at({ actorsPerSecond: 5_000 }, { concurrentActors: 100 });
    expect(loose.sentence).to.equal("It goes no faster than the fleet's limits allow: 100 actors at once.");
    expect(loose.advice).to.equal("Raise or lift them: ferry throttle clear");
    const tight = at({ actorsPerSecond: 10 }, { concurrentActors: 5_000 });
    expect(tight.sentence).to.equal("It goes no faster than the campaign's own limits allow: 10 actors/s.");
    const shared = at({ actorsPerSecond: 30, concurrentActors: 200 }, { actorsPerSecond: 40 });
    expect(shared.sentence).to.equal(
      "It goes no faster than the campaign's own limits allow: 30 actors/s, 200 actors at once; nor than the fleet's limits allow: 40 actors/s.",
    );
    expect(shared.advice).to.equal(
      "Raise or lift them: ferry campaign set spring --rate off --concurrent off, and ferry throttle clear",
    );
  });

  it("says how many had begun before there was a limit on actors at once", () => {
    const at = (concurrentActors: number): string => explain({ fleet: { concurrentActors } }).sentence;
    expect(at(100)).to.match(/allow: 100 actors at once\.$/);
    expect(at(4)).to.match(/allow: 4 actors at once\. 100 actors had begun before, and go on\.$/);
  });

  it("does not take a limit on actors at once that has ended for one that is reached", () => {
    const ended = { window: 1000, concurrentActors: 50, ratesUntilMs: NOW_MS - 1 };
    const fleet = { bytesPerSecond: 50 * 1024 * 1024 };
    const at = (settings: CampaignSettings): string =>
      explain({ campaign: campaignIn("running", { settings }), fleet }).limit;
    expect([at(ended), at({ ...ended, ratesUntilMs: NOW_MS + 1 })]).to.deep.equal(["workers", "operator"]);
  });

  it("does not take the minute before a campaign ran for its own", () => {
    const before = worker({ recentSeconds: { paused: 80, idle: 15, write: 5 } });
    const young = campaignIn("running", { stateSinceMs: NOW_MS - 10_000 });
    expect(explain({ workers: [before], campaign: young }).limit).to.equal("too_early");
    expect(explain({ workers: [before] }).limit).to.equal("feeding");
    const limited = { ...young, settings: { window: 1000, actorsPerSecond: 500 } };
    expect(explain({ workers: [before], campaign: limited }).limit).to.equal("operator");
    expect(explain({ campaign: young }).limit).to.equal("workers");
  });

  it("says who is missing to end a campaign that is being cancelled", () => {
    const draining = { campaign: campaignIn("draining"), counts: countsOf({ open: 2, todo: 5 }) };
    expect(explain(draining).advice).to.contain("ends when they are done");
    expect(explain({ ...draining, workers: [] }).advice).to.contain("ferry worker");
    expect(explain({ ...draining, feeding: false }).advice).to.contain("ferry feeder");
    const idle = explain({ ...draining, feeding: false, counts: countsOf({ todo: 5 }) });
    expect(idle.advice).to.contain("End it now: ferry campaign cancel spring");
  });

  it("tells a tail from a window that is too small and from a slow feeder", () => {
    const idle = worker({ recentSeconds: { idle: 9, write: 1 } });
    expect(explain({ workers: [idle], counts: countsOf({ open: 2, migrated: 900 }) }).limit).to.equal("tail");
    const narrow = campaignIn("running", { settings: { window: 3 } });
    expect(explain({ workers: [idle], campaign: narrow }).limit).to.equal("window");
    expect(explain({ workers: [idle] }).limit).to.equal("feeding");
  });

  it("falls back on the time since workers started where one does not tell its last minute", () => {
    const old = worker({ activitySeconds: { write: 100 } });
    expect(explain({ workers: [busy, old] }).attributionOf).to.equal("the time since workers started");
  });
});

describe("recent activity", () => {
  it("is what was added in about the last minute", () => {
    const recent = new RecentActivity();
    const readings = Array.from({ length: 30 }, (_, index) =>
      recent.since({ write: index * 5, idle: 7 }, index * 5_000),
    );
    expect(readings[3]).to.deep.equal({ write: 15, idle: 0 });
    expect(readings.at(-1)).to.deep.equal({ write: 60, idle: 0 });
  });
});
