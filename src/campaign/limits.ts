import type { Campaign, CampaignSettings } from "./campaign.ts";

/** Limits of a campaign's pace: its own, or the fleet's. */
export type Limits = Pick<CampaignSettings, "actorsPerSecond" | "bytesPerSecond" | "concurrentActors">;

/** What is left of limits, or of other fields, without those that are undefined: they are lifted. */
export function withoutUndefined<T extends object>(fields: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** A campaign's rates, unless they have ended by themselves. */
export function ratesInForce(campaign: Campaign, nowMs: number): Limits {
  const { ratesUntilMs } = campaign.settings;
  return ratesUntilMs !== undefined && ratesUntilMs <= nowMs ? {} : campaign.settings;
}

/** Whose limits hold a campaign back, and which they are. */
export interface LimitsInForce {
  readonly of: "campaign" | "fleet";
  readonly limits: Limits;
}

/** The limits that an operator has set and that hold now: the campaign's own and the fleet's. `fleet`: those in force of the fleet's. */
export function limitsInForce(campaign: Campaign, fleet: Limits, nowMs: number): readonly LimitsInForce[] {
  const all: readonly LimitsInForce[] = [
    { of: "campaign", limits: ratesInForce(campaign, nowMs) },
    { of: "fleet", limits: fleet },
  ];
  return all.filter(({ limits }) => isLimited(limits));
}

/** Names the limits in force, the campaign's own and the fleet's, to tell whether they have changed; undefined: there are none. */
export function limitsMark(campaign: Campaign, fleet: Limits, nowMs: number): string | undefined {
  const all = [ratesInForce(campaign, nowMs), fleet];
  return all.some(isLimited)
    ? JSON.stringify(all.map((limits) => [limits.actorsPerSecond, limits.bytesPerSecond, limits.concurrentActors]))
    : undefined;
}

/** Whether there is any limit among them. */
export function isLimited({ actorsPerSecond, bytesPerSecond, concurrentActors }: Limits): boolean {
  return (actorsPerSecond ?? bytesPerSecond ?? concurrentActors) !== undefined;
}

/** Whether there is a rate among them. */
export function isPaced({ actorsPerSecond, bytesPerSecond }: Limits): boolean {
  return (actorsPerSecond ?? bytesPerSecond) !== undefined;
}

/** Whose limits they are, in words. */
export const LIMITS_OF: Readonly<Record<LimitsInForce["of"], string>> = {
  campaign: "the campaign's own limits",
  fleet: "the fleet's limits",
};
