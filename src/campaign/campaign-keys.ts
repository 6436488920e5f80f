import type { ActorId } from "../formats/actor-id.ts";
import { ferryKey, keyOfActor } from "../migration/ferry-keys.ts";

/*
 * Rows of campaigns, all under Ferry's prefix:
 *
 *   ("campaign", name)                        the campaign: specification, settings, state; JSON
 *   ("campaign_cursor", name, range)          how far the scan of a range of its source got; JSON
 *   ("campaign_count", name, kind, state, reason)   i64 LE, atomic: actors or bytes by state and reason
 *   ("campaign_todo", name, lane, id)         an actor not fed yet; value: its size, u64 BE
 *   ("campaign_later", name, dueMs, id)       a deferred actor and when it is fed again; empty
 *   ("campaign_open", name, id)               an actor fed and not finished; value: when it was fed, u64 BE ms
 *   ("campaign_actor", name, id)              every actor fed so far: its state and result; JSON
 *   ("campaign_sample", name, atMs)           progress over time, for reports; JSON
 *   ("campaign_history", name, atMs, n)       who changed what and why; JSON
 *   ("campaign_plan", name)                   what was predicted before it ran; JSON
 *   ("campaign_activity", name, activity)     i64 LE, atomic: milliseconds of workers' time
 *   ("feeder")                                the lease of the feeder that is at work; every renewal writes it; JSON
 *   ("feeder_owner")                          whose lease that is: what transactions that feed check; JSON
 *   ("fleet")                                 limits for all of Ferry; JSON
 *   ("worker", workerId)                      a worker's heartbeat; JSON
 */

/** What the keys of a campaign's actors start with, and its counts: jobs and the feeder ask for the same few for every actor. */
const packed = new Map<string, Uint8Array>();

/** As `ferryKey`, packed once; not to be changed. For keys of which a campaign has a few only. */
function packedOnce(...items: readonly (string | number)[]): Uint8Array {
  const name = items.join("/");
  let key = packed.get(name);
  if (key === undefined) {
    key = ferryKey(...items);
    packed.set(name, key);
  }
  return key;
}

export const campaignKey = (name: string): Uint8Array => ferryKey("campaign", name);
export const CAMPAIGNS = ferryKey("campaign");
export const cursorPrefix = (name: string): Uint8Array => ferryKey("campaign_cursor", name);
export const cursorKey = (name: string, range: number): Uint8Array => ferryKey("campaign_cursor", name, range);
export const countPrefix = (name: string): Uint8Array => ferryKey("campaign_count", name);
export const countKey = (name: string, kind: "actors" | "bytes", state: string, reason: string): Uint8Array =>
  packedOnce("campaign_count", name, kind, state, reason);
export const todoPrefix = (name: string): Uint8Array => packedOnce("campaign_todo", name);
/** What all keys of a lane of the list start with. */
export const todoLanePrefix = (name: string, lane: number): Uint8Array => packedOnce("campaign_todo", name, lane);
export const todoKey = (name: string, lane: number, id: ActorId): Uint8Array =>
  keyOfActor(todoLanePrefix(name, lane), id);
export const laterPrefix = (name: string): Uint8Array => ferryKey("campaign_later", name);
export const laterKey = (name: string, dueMs: number, id: ActorId): Uint8Array =>
  ferryKey("campaign_later", name, dueMs, id);
/** Everything due before a time. */
export const laterEnd = (name: string, nowMs: number): Uint8Array => ferryKey("campaign_later", name, nowMs + 1);
export const openPrefix = (name: string): Uint8Array => packedOnce("campaign_open", name);
export const openKey = (name: string, id: ActorId): Uint8Array => keyOfActor(openPrefix(name), id);
export const actorPrefix = (name: string): Uint8Array => packedOnce("campaign_actor", name);
export const actorKey = (name: string, id: ActorId): Uint8Array => keyOfActor(actorPrefix(name), id);
export const samplePrefix = (name: string): Uint8Array => ferryKey("campaign_sample", name);
export const sampleKey = (name: string, atMs: number): Uint8Array => ferryKey("campaign_sample", name, atMs);
export const historyPrefix = (name: string): Uint8Array => ferryKey("campaign_history", name);
export const historyKey = (name: string, atMs: number, sequence: number): Uint8Array =>
  ferryKey("campaign_history", name, atMs, sequence);
export const activityPrefix = (name: string): Uint8Array => ferryKey("campaign_activity", name);
export const activityKey = (name: string, activity: string): Uint8Array =>
  ferryKey("campaign_activity", name, activity);
export const planKey = (name: string): Uint8Array => ferryKey("campaign_plan", name);
export const FEEDER = ferryKey("feeder");
export const FEEDER_OWNER = ferryKey("feeder_owner");
export const FLEET = ferryKey("fleet");
export const WORKERS = ferryKey("worker");
export const workerKey = (workerId: string): Uint8Array => ferryKey("worker", workerId);
