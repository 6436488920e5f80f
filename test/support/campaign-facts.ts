import { DEFAULT_BREAKER, type Campaign, type CampaignSettings } from "../../src/campaign/campaign.ts";
import type { CampaignCounts, Tally } from "../../src/campaign/campaign-counts.ts";
import type { Heartbeat } from "../../src/campaign/fleet/heartbeats.ts";
import { progressOf } from "../../src/campaign/progress/progress.ts";
import { sampleOf, type Sample } from "../../src/campaign/progress/samples.ts";
import type { CampaignView } from "../../src/campaign/progress/view.ts";
import type { OutcomeState } from "../../src/migration/outcome.ts";

export const NOW_MS = 1_800_000_000_000;

/** A campaign in memory. */
export function campaignIn(state: Campaign["state"], patch: Partial<Campaign> = {}): Campaign {
  return {
    name: "spring",
    spec: {
      source: { kind: "scan" },
      filters: {},
      order: "small-first",
      options: {},
      deferLimit: 3,
      breaker: DEFAULT_BREAKER,
    },
    settings: { window: 1000 } satisfies CampaignSettings,
    state,
    stateSinceMs: NOW_MS - 3_600_000,
    createdAtMs: NOW_MS - 7_200_000,
    createdBy: "test",
    scanFinished: true,
    breakerBase: { finished: 0, bad: 0 },
    ...patch,
  };
}

/** Counts of actors of 4 KiB each. */
export function countsOf(actors: Partial<Record<"todo" | "open" | "later" | OutcomeState, number>>): CampaignCounts {
  const tally = (count = 0): Tally => ({ actors: count, bytes: count * 4096 });
  const done = {
    migrated: tally(actors.migrated),
    skipped: tally(actors.skipped),
    rejected: tally(actors.rejected),
    deferred: tally(actors.deferred),
    failed: tally(actors.failed),
  };
  const byReason = (["migrated", "skipped", "rejected", "deferred", "failed"] as const)
    .filter((state) => done[state].actors > 0)
    .map((state) => ({ state, reason: REASONS[state], tally: done[state] }));
  const standing = { todo: tally(actors.todo), open: tally(actors.open), later: tally(actors.later) };
  return { ...standing, done, mended: 0, withdrawn: 0, byReason };
}

const REASONS = {
  migrated: "",
  skipped: "already_migrated",
  rejected: "magic_mismatch",
  deferred: "actor_awake",
  failed: "store_timed_out",
} as const;

export function worker(patch: Partial<Heartbeat> = {}): Heartbeat {
  return {
    workerId: "w1",
    atMs: NOW_MS,
    startedAtMs: NOW_MS - 60_000,
    host: "test",
    pid: 1,
    version: "0",
    concurrency: 4,
    limit: 4,
    inFlight: {},
    activitySeconds: {},
    ...patch,
  };
}

/** Samples ten seconds apart, the newest now, from how many actors were done at each. */
export function samplesOf(done: readonly number[]): Sample[] {
  return done.map((migrated, index) => sampleOf(countsOf({ migrated }), NOW_MS - (done.length - 1 - index) * 10_000));
}

/** A view of a campaign that runs, with a worker and a feeder, unless the patch says otherwise. */
export function viewOf(patch: Partial<Omit<CampaignView, "progress">> = {}): CampaignView {
  const facts = {
    atMs: NOW_MS,
    campaign: campaignIn("running"),
    counts: countsOf({ todo: 500, open: 100, migrated: 400 }),
    samples: samplesOf([100, 200, 300, 400]),
    workers: [worker()],
    fleet: {},
    feeding: true,
    activityMs: {},
    ...patch,
  };
  return { ...facts, progress: progressOf({ ...facts, nowMs: facts.atMs }) };
}
