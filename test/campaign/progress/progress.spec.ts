import { expect } from "chai";
import fc from "fast-check";
import type { CampaignCounts } from "../../../src/campaign/campaign-counts.ts";
import { progressOf, type Progress, type ProgressFacts } from "../../../src/campaign/progress/progress.ts";
import { sampleOf } from "../../../src/campaign/progress/samples.ts";
import { endText } from "../../../src/cli/campaign/progress-text.ts";
import { campaignIn, countsOf, NOW_MS, samplesOf, worker } from "../../support/campaign-facts.ts";

describe("progress", () => {
  const facts = (patch: Partial<ProgressFacts> = {}): ProgressFacts => ({
    campaign: campaignIn("running"),
    counts: countsOf({ todo: 600, migrated: 400 }),
    samples: samplesOf([100, 200, 300, 400]),
    workers: [worker()],
    fleet: {},
    feeding: true,
    nowMs: NOW_MS,
    ...patch,
  });
  const progress = (patch: Partial<ProgressFacts> = {}): Progress => progressOf(facts(patch));

  /** The standings of a campaign's actors, one after the other, as they move from todo through open to done. */
  const courses = fc.record({
    total: fc.integer({ min: 1, max: 1_000_000_000 }),
    cuts: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 30 }),
    bad: fc.double({ min: 0, max: 1, noNaN: true }),
  });

  it("never falls, is never over 100, and is 100 only when nothing is left", () => {
    fc.assert(
      fc.property(courses, ({ total, cuts, bad }) => {
        let before = 0;
        for (const share of [...cuts.toSorted((a, b) => a - b), 1]) {
          const done = Math.min(total, Math.floor(share * total));
          const rejected = Math.floor(done * bad);
          const counts = countsOf({ todo: total - done, migrated: done - rejected, rejected });
          const { percent = NaN } = progress({ counts });
          expect(percent).to.be.within(before, 100);
          expect(percent === 100).to.equal(done === total);
          before = percent;
        }
      }),
    );
  });

  it("has no percentage until every actor is known, but says at least how many there are", () => {
    const { percent, total, totalIsExact, eta } = progress({
      campaign: campaignIn("running", { scanFinished: false }),
    });
    expect([percent, total, totalIsExact, eta]).to.deep.equal([undefined, 1000, false, undefined]);
  });

  it("is not at 100 % for having found nothing, before it is completed", () => {
    const counts = countsOf({});
    expect(progress({ counts }).percent).to.equal(0);
    expect(progress({ counts, campaign: campaignIn("completed") }).percent).to.equal(100);
  });

  it("gives the time to go as a range around what a steady pace needs", () => {
    const { actorsPerSecond, eta } = progress();
    expect(actorsPerSecond).to.equal(10);
    expect(eta).to.deep.equal({ lowMs: 60_000, highMs: 60_000 });
  });

  it("knows a pace from the first sample on, and not only when there is a second", () => {
    const first = sampleOf(countsOf({ migrated: 380 }), NOW_MS - 4_000);
    expect(progress({ samples: [first] })).to.include({ actorsPerSecond: 5, bytesPerSecond: 5 * 4096 });
    expect(progress({ samples: [] }).actorsPerSecond).to.equal(0);
  });

  it("widens the range where the pace varies, and keeps the average in it", () => {
    const { eta } = progress({ samples: samplesOf([0, 10, 300, 310, 390, 400]) });
    expect(eta?.lowMs).to.be.lessThan(75_000);
    expect(eta?.highMs).to.be.greaterThan(75_000);
  });

  it("takes bytes that rejected actors claim neither for carried nor for to be carried", () => {
    const claims = 2 ** 40;
    const ended = (each: number): CampaignCounts => {
      const counts = countsOf({ migrated: each, rejected: each });
      return { ...counts, done: { ...counts.done, rejected: { actors: each, bytes: each * claims } } };
    };
    const samples = [0, 100, 200, 300, 400].map((each, index) => sampleOf(ended(each), NOW_MS - (4 - index) * 10_000));
    const counts = { ...ended(400), todo: { actors: 400, bytes: 200 * 4096 + 200 * claims } };
    const { bytesPerSecond, actorsPerSecond, eta } = progress({ counts, samples });
    expect(bytesPerSecond).to.equal(10 * 4096);
    expect(actorsPerSecond).to.equal(20);
    expect(eta?.highMs).to.be.at.most(80_000);
  });

  it("does not take the pace of small actors for that of a few that are, or claim to be, large", () => {
    const counts = { ...countsOf({ migrated: 400 }), todo: { actors: 3, bytes: 3 * 2 ** 33 } };
    const view = progress({ counts });
    expect(view.eta).to.deep.equal({ lowMs: 300 });
    expect(endText(view)).to.equal("at least 300ms to go: larger actors are left than those done lately");
  });

  it("has both paces in its range where sizes differ a little", () => {
    const counts = { ...countsOf({ migrated: 400 }), todo: { actors: 100, bytes: 400 * 4096 } };
    expect(progress({ counts }).eta).to.deep.equal({ lowMs: 10_000, highMs: 40_000 });
  });

  it("gives no time at a standstill, whatever it is that stands, and says why", () => {
    const states = fc.constantFrom("created", "running", "paused", "draining", "completed", "cancelled");
    const standing = fc.record({
      state: states as fc.Arbitrary<"running">,
      todo: fc.nat(100),
      open: fc.nat(100),
      later: fc.nat(100),
      migrated: fc.nat(100),
      hasWorkers: fc.boolean(),
      feeding: fc.boolean(),
      scanFinished: fc.boolean(),
    });
    fc.assert(
      fc.property(standing, ({ state, hasWorkers, feeding, scanFinished, ...actors }) => {
        const { eta, standstill } = progress({
          campaign: campaignIn(state, { scanFinished }),
          counts: countsOf(actors),
          samples: samplesOf([5, 5, 5, 5, 5].map(() => actors.migrated)),
          workers: hasWorkers ? [worker()] : [],
          feeding,
        });
        expect(eta).to.equal(undefined);
        expect(standstill).to.be.a("string").and.not.equal("");
      }),
    );
  });

  it("names what stands: pause, throttle, workers, feeder, deferred actors", () => {
    const still = { samples: samplesOf([400, 400, 400, 400]) };
    const paused = campaignIn("paused", { stateReason: "lunch" });
    expect(progress({ campaign: paused }).standstill).to.equal("paused: lunch");
    expect(progress({ workers: [] }).standstill).to.equal("no workers connected");
    expect(progress({ feeding: false }).standstill).to.equal("no feeder at work");
    expect(progress({ feeding: false, workers: [worker({ queueLost: true })] }).standstill).to.equal(
      "the queue cannot be reached: 1 of 1 worker has lost Redis",
    );
    const draining = { campaign: campaignIn("draining"), counts: countsOf({ open: 3 }) };
    expect(progress(draining).standstill).to.equal("being cancelled: 3 in flight");
    expect(progress({ ...draining, feeding: false, workers: [] }).standstill).to.equal(
      "being cancelled: 3 in flight, no workers connected, no feeder at work to end it",
    );
    expect(progress({ ...draining, workers: [worker({ queueLost: true })] }).standstill).to.contain("lost Redis");
    const limited = worker({ limit: 0, throttledBecause: "commits take 900 ms" });
    expect(progress({ ...still, workers: [{ ...limited, limit: 1 }] }).standstill).to.equal(
      "throttled: commits take 900 ms",
    );
    // Also while the last minutes' pace was a good one.
    expect(progress({ workers: [limited] }).standstill).to.equal("throttled by the store: commits take 900 ms");
    expect(progress({ workers: [limited, worker()] }).standstill).to.equal(undefined);
    // How fast those that slept were done says nothing of when the others will sleep.
    const left = (later: number): Progress => progress({ counts: countsOf({ later, migrated: 400 }) });
    expect(left(7)).to.include({ standstill: "waiting for 7 deferred actors" }).and.not.to.have.property("eta");
    expect(left(1).standstill).to.equal("waiting for 1 deferred actor");
    const both = { campaign: campaignIn("running", { settings: { window: 9, actorsPerSecond: 9 } }) };
    expect(progress({ ...still, ...both, fleet: { actorsPerSecond: 9 } }).standstill).to.equal(
      "throttled: the campaign's own limits and the fleet's limits",
    );
  });

  it("does not call it a standstill when large actors end in lumps", () => {
    const { standstill, actorsPerSecond } = progress({ samples: samplesOf([0, 0, 0, 1, 1, 1, 1, 2, 2]) });
    expect(standstill).to.equal(undefined);
    expect(actorsPerSecond).to.equal(2 / 80);
  });

  it("gives no time where the newest minute had nothing done, however good the pace was before", () => {
    const counts = countsOf({ todo: 600, open: 100, migrated: 400 });
    const at = (...done: number[]): Progress => progress({ counts, samples: samplesOf(done) });
    const { eta, standstill } = at(100, 200, 300, 400, 400, 400, 400, 400, 400, 400);
    expect([eta, standstill]).to.deep.equal([undefined, "100 actors under way, none finished lately"]);
    expect(at(100, 200, 300, 399, 400, 400, 400, 400, 400, 400).standstill).to.equal(undefined);
  });

  it("does not call it a standstill between the ends of actors that take minutes each, and gives the time that such a pace makes likely", () => {
    const counts = countsOf({ todo: 9, open: 1, migrated: 10 });
    const at = (...done: number[]): Progress => progress({ counts, samples: samplesOf(done) });
    // One in a hundred seconds, and the last one a minute and a half ago.
    const slow = at(...Array.from({ length: 30 }, (_, index) => 8 + Math.floor(index / 10)));
    expect(slow.standstill).to.equal(undefined);
    expect(slow.eta?.highMs).to.be.above(1_000_000);
    const none = at(...Array.from({ length: 30 }, () => 10));
    expect(none.standstill).to.equal("1 actor under way, none finished lately");
  });

  it("forgets a pace that samples of long ago had", () => {
    const old = samplesOf([100, 200, 300, 400]).map((sample) => ({ ...sample, atMs: sample.atMs - 600_000 }));
    expect(progress({ samples: old })).to.include({ actorsPerSecond: 0 });
    expect(progress({ samples: old }).eta).to.equal(undefined);
  });

  it("does not blame limits that have ended by themselves", () => {
    const settings = { window: 10, actorsPerSecond: 1, ratesUntilMs: NOW_MS - 1 };
    const still = { samples: samplesOf([400, 400, 400, 400]), campaign: campaignIn("running", { settings }) };
    expect(progress(still).standstill).not.to.match(/throttled/);
  });
});
