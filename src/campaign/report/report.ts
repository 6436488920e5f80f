import type { ActorId } from "../../formats/actor-id.ts";
import { DEFER_REASONS, REJECT_REASONS, SKIP_REASONS, type OutcomeState } from "../../migration/outcome.ts";
import { actorAtEnd } from "../../migration/ferry-keys.ts";
import type { Store } from "../../store/store.ts";
import { allRows } from "../all-rows.ts";
import type { Campaign, CampaignActor } from "../campaign.ts";
import { actorPrefix, samplePrefix } from "../campaign-keys.ts";
import type { CampaignCounts, Tally } from "../campaign-counts.ts";
import { readCampaignHistory, type HistoryEntry } from "../campaign-history.ts";
import { decodeJson } from "../json-row.ts";
import { percentagesOf, type Share } from "../progress/percentages.ts";
import type { Plan } from "../plan/plan.ts";
import { readPlan } from "../plan/plan-row.ts";
import type { Progress } from "../progress/progress.ts";
import { DURATION_BOUNDS, Histogram, SIZE_BOUNDS, type Bucket } from "./report-histogram.ts";
import { Series, type SeriesPoint } from "./report-series.ts";
import type { Sample } from "../progress/samples.ts";
import { readView } from "../progress/view.ts";

/** A reason of another version of Ferry has none. */
const REASONS_WITH_PAGE: readonly string[] = [...REJECT_REASONS, ...SKIP_REASONS, ...DEFER_REASONS];
/** How many of the slowest actors are named. */
const SLOWEST = 10;

/** An actor that took long. */
export interface SlowActor {
  readonly id: ActorId;
  readonly durationMs: number;
  readonly bytes: number;
  readonly state: OutcomeState;
  readonly reason?: string;
}

/** Actors that ended in a state for a reason; `runbook`: what to do about it, a path in this repository. */
export interface ReasonLine {
  readonly state: OutcomeState;
  readonly reason: string;
  readonly tally: Tally;
  readonly runbook?: string;
}

export interface Distribution {
  readonly buckets: readonly Bucket[];
  readonly summary: Histogram["summary"];
}

/** Everything there is to say of a campaign, in bounded size. */
export interface CampaignReport {
  readonly atMs: number;
  readonly campaign: Campaign;
  readonly counts: CampaignCounts;
  readonly progress: Progress;
  /** From the start to the end, or to now. */
  readonly elapsedMs: number;
  /**
   * Averages over that time, pauses included; bytes are those carried in it, as what is rejected may only claim its size: not what a
   * requeue migrated later, but what was taken back since.
   */
  readonly actorsPerSecond: number;
  readonly bytesPerSecond: number;
  /** The largest first. */
  readonly reasons: readonly ReasonLine[];
  readonly series: readonly SeriesPoint[];
  /** Bytes of all actors fed so far; milliseconds of the last attempts of those that are done. */
  readonly sizes: Distribution;
  readonly durations: Distribution;
  readonly slowest: readonly SlowActor[];
  /** How often actors were fed and deferred in all. */
  readonly feeds: number;
  readonly deferrals: number;
  readonly attribution: readonly Share[];
  readonly history: readonly HistoryEntry[];
  readonly plan?: Plan;
}

/** Makes a campaign's report from its rows, one after the other: memory does not grow with the campaign. @throws UsageError */
export async function makeReport(store: Store, name: string, nowMs: number): Promise<CampaignReport> {
  const view = await readView(store, name, nowMs);
  const { campaign, counts, progress } = view;
  const startMs = campaign.startedAtMs ?? campaign.createdAtMs;
  const endMs = campaign.finishedAtMs ?? nowMs;
  const elapsedMs = Math.max(0, endMs - startMs);
  const actors = new ActorSums(endMs);
  for await (const { key, value } of allRows(store, actorPrefix(name))) {
    actors.add(actorAtEnd(key), decodeJson(value) as CampaignActor);
  }
  const series = new Series(startMs, endMs);
  for await (const { value } of allRows(store, samplePrefix(name))) {
    series.add(decodeJson(value) as Sample);
  }
  const plan = await store.transact(async (tx) => readPlan(tx, name), { label: "campaign" });
  const perSecond = (amount: number): number => (elapsedMs === 0 ? 0 : amount / (elapsedMs / 1000));
  return {
    atMs: nowMs,
    campaign,
    counts,
    progress,
    elapsedMs,
    actorsPerSecond: perSecond(progress.done),
    bytesPerSecond: perSecond(actors.carriedBytes),
    reasons: reasonsOf(counts),
    series: series.end(),
    ...actors.result,
    attribution: percentagesOf(view.activityMs),
    history: await readCampaignHistory(store, name),
    ...(plan === undefined ? {} : { plan }),
  };
}

function reasonsOf(counts: CampaignCounts): ReasonLine[] {
  return counts.byReason
    .filter(({ reason }) => reason !== "")
    .map((line) => {
      const page = pageOf(line);
      return { ...line, ...(page === undefined ? {} : { runbook: `docs/runbooks/${page}.md` }) };
    })
    .sort((a, b) => b.tally.actors - a.tally.actors);
}

/** The reason of a failure is an error's code: one page is about them all. */
function pageOf({ state, reason }: Pick<ReasonLine, "state" | "reason">): string | undefined {
  return state === "failed" ? "failed" : REASONS_WITH_PAGE.find((known) => known === reason);
}

/** What is kept of all actors' rows. */
class ActorSums {
  readonly #sizes = new Histogram(SIZE_BOUNDS);
  readonly #durations = new Histogram(DURATION_BOUNDS);
  #slowest: SlowActor[] = [];
  #feeds = 0;
  #deferrals = 0;
  readonly #endMs: number;
  /** Of actors that were migrated until the campaign's end. */
  carriedBytes = 0;

  constructor(endMs: number) {
    this.#endMs = endMs;
  }

  add(id: ActorId, actor: CampaignActor): void {
    const { standing, bytes, feeds, deferrals, state = "failed", durationMs = 0, reason } = actor;
    this.#sizes.add(bytes);
    this.#feeds += feeds;
    this.#deferrals += deferrals;
    if (standing !== "done") {
      return;
    }
    this.#durations.add(durationMs);
    const wasMigrated = state === "migrated" || actor.takenBack === true;
    if (wasMigrated && (actor.finishedAtMs ?? 0) <= this.#endMs) {
      this.carriedBytes += bytes;
    }
    if (this.#slowest.length < SLOWEST || durationMs > (this.#slowest.at(-1)?.durationMs ?? 0)) {
      const slow = { id, durationMs, bytes, state, ...(reason === undefined ? {} : { reason }) };
      this.#slowest = [...this.#slowest, slow].sort((a, b) => b.durationMs - a.durationMs).slice(0, SLOWEST);
    }
  }

  get result(): Pick<CampaignReport, "sizes" | "durations" | "slowest" | "feeds" | "deferrals"> {
    const distribution = (histogram: Histogram): Distribution => ({
      buckets: histogram.buckets,
      summary: histogram.summary,
    });
    return {
      sizes: distribution(this.#sizes),
      durations: distribution(this.#durations),
      slowest: this.#slowest,
      feeds: this.#feeds,
      deferrals: this.#deferrals,
    };
  }
}
