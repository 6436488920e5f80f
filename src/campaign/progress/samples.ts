import { prefixRange } from "../../formats/bytes.ts";
import type { Transaction } from "../../store/store.ts";
import { finishedAndBad, type CampaignCounts } from "../campaign-counts.ts";
import { samplePrefix, sampleKey } from "../campaign-keys.ts";
import { decodeJson, encodeJson } from "../json-row.ts";

/** Where a campaign stood at a time. */
export interface Sample {
  readonly atMs: number;
  readonly done: number;
  readonly bad: number;
  /** Of migrated actors: what others claim to hold was not carried. */
  readonly bytes: number;
  readonly open: number;
  readonly later: number;
}

export function sampleOf(counts: CampaignCounts, atMs: number): Sample {
  const { finished, bad } = finishedAndBad(counts);
  return {
    atMs,
    done: finished,
    bad,
    bytes: counts.done.migrated.bytes,
    open: counts.open.actors,
    later: counts.later.actors,
  };
}

export function writeSample(tx: Transaction, name: string, counts: CampaignCounts, atMs: number): void {
  tx.set(sampleKey(name, atMs), encodeJson(sampleOf(counts, atMs)));
}

/** The samples of a campaign, the newest `limit` of them, oldest first. */
export async function readSamples(tx: Transaction, name: string, limit: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const newest = tx.getRange(prefixRange(samplePrefix(name)), { limit, reverse: true, snapshot: true });
  for await (const batch of newest) {
    samples.push(...batch.map((row) => decodeJson(row.value) as Sample));
  }
  return samples.reverse();
}
