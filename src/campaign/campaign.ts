import { UsageError } from "../errors.ts";
import type { MigrationOptions } from "../migration/context.ts";
import type { Layout, OutcomeState } from "../migration/outcome.ts";

/**
 * Where a campaign's actors come from: all with v1 data, a given list, or what the ledger says was rejected or failed. `sha256`: of the
 * list's ids, to tell it from another list; older campaigns have none.
 */
export type CampaignSource =
  | { readonly kind: "scan" }
  | { readonly kind: "list"; readonly sha256?: string }
  | { readonly kind: "rejected"; readonly reason?: string };

/** Which of the source's actors take part; absent: no limit. Sizes are of the v1 main file, in bytes. */
export interface CampaignFilters {
  /** Datacenter label of the actor id. */
  readonly label?: number;
  readonly minBytes?: number;
  readonly maxBytes?: number;
  /** A fixed sample by actor id: the same actors at every try. */
  readonly samplePercent?: number;
}

/** What a campaign is. Frozen at creation. */
export interface CampaignSpec {
  readonly source: CampaignSource;
  readonly filters: CampaignFilters;
  /** `small-first`: three lanes by size, so that most of the fleet is done early; `scan`: in the order of ids. */
  readonly order: "small-first" | "scan";
  /** Overrides for its jobs. */
  readonly options: Readonly<Record<string, string | number | boolean>> & { readonly layout?: Layout };
  /** How often an actor may be deferred before it is given up as deferred. */
  readonly deferLimit: number;
  /** Pauses when more than `percent` of at least `actors` that were migrated, rejected or failed were not migrated. */
  readonly breaker: { readonly percent: number; readonly actors: number };
}

/** The few settings that may change while it runs. Absent rates: no limit. */
export interface CampaignSettings {
  /** Actors fed and not finished, at most. */
  readonly window: number;
  readonly actorsPerSecond?: number;
  readonly bytesPerSecond?: number;
  readonly concurrentActors?: number;
  /** When the rates end by themselves, ms since the epoch. */
  readonly ratesUntilMs?: number;
}

export const CAMPAIGN_STATES = ["created", "running", "paused", "draining", "completed", "cancelled"] as const;
export type CampaignState = (typeof CAMPAIGN_STATES)[number];

/** A campaign as the store holds it. Times are ms since the epoch. */
export interface Campaign {
  readonly name: string;
  readonly spec: CampaignSpec;
  readonly settings: CampaignSettings;
  readonly state: CampaignState;
  readonly stateSinceMs: number;
  /** Why it is in this state: the operator's words, or the circuit breaker's. */
  readonly stateReason?: string;
  /** The circuit breaker paused it, and nobody has looked since: gone with the next change of state. */
  readonly breakerTripped?: true;
  readonly createdAtMs: number;
  readonly createdBy: string;
  readonly startedAtMs?: number;
  readonly finishedAtMs?: number;
  /** Whether every actor of the source is known: from then on totals are exact. */
  readonly scanFinished: boolean;
  /** What `breakerCounts` was when the breaker was last reset, by `start` or `resume`. */
  readonly breakerBase: { readonly finished: number; readonly bad: number };
}

/** Whether nothing changes in it any more. */
export function isOver({ state }: Pick<Campaign, "state">): boolean {
  return state === "completed" || state === "cancelled";
}

/** Whether its actors were not added to the end: some are missing, and it must not start. Those of a scan are found while it runs. */
export function isHalfCreated({ spec, scanFinished }: Pick<Campaign, "spec" | "scanFinished">): boolean {
  return spec.source.kind !== "scan" && !scanFinished;
}

/** Where an actor stands in a campaign: waiting to be fed, fed, put off, or done with. */
export type ActorStanding = "todo" | "open" | "later" | "done";

/** An actor's row in a campaign, from the time it is first fed. */
export interface CampaignActor {
  readonly standing: ActorStanding;
  readonly lane: number;
  readonly bytes: number;
  /** How often it was fed. */
  readonly feeds: number;
  readonly deferrals: number;
  /** For `later`: when it is due. */
  readonly dueMs?: number;
  /** For `done`. */
  readonly state?: OutcomeState;
  readonly reason?: string;
  readonly durationMs?: number;
  readonly finishedAtMs?: number;
  /** For `done`: this campaign migrated it, and an operator has taken it back to v1. */
  readonly takenBack?: true;
}

export const DEFAULT_DEFER_LIMIT = 50;
export const DEFAULT_BREAKER = { percent: 50, actors: 50 } as const;

/**
 * What a campaign does with actors that were taken back to v1: only a list asks for each of its actors. All others leave them alone, or a
 * scan every night would undo every rollback.
 */
export function rolledBackBy(source: CampaignSource): Pick<MigrationOptions, "rolledBack"> {
  return source.kind === "list" ? { rolledBack: "migrate" } : {};
}

/** @throws UsageError */
export function assertCampaignName(name: string): void {
  if (!/^[a-z0-9][a-z0-9-]{0,39}$/.test(name)) {
    throw new UsageError(
      "A campaign's name has 1 to 40 characters: lower-case letters, digits and hyphens, and starts with a letter or digit.",
      { details: { name } },
    );
  }
}
