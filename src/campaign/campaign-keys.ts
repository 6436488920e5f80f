import type { ActorId } from "../formats/actor-id.ts";
import { parseActorId } from "../formats/actor-id.ts";
import { ferryKey } from "../migration/ferry-keys.ts";

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
 *   ("feeder")                                the lease of the feeder that is at work
 *   ("fleet")                                 limits for all of Ferry; JSON
 *   ("worker", workerId)                      a worker's heartbeat; JSON
 */

export const campaignKey = (name: string): Uint8Array => ferryKey("campaign", name);
export const CAMPAIGNS = ferryKey("campaign");
export const cursorPrefix = (name: string): Uint8Array => ferryKey("campaign_cursor", name);
export const cursorKey = (name: string, range: number): Uint8Array => ferryKey("campaign_cursor", name, range);
export const countPrefix = (name: string): Uint8Array => ferryKey("campaign_count", name);
export const countKey = (name: string, kind: "actors" | "bytes", state: string, reason: string): Uint8Array =>
  ferryKey("campaign_count", name, kind, state, reason);
export const todoPrefix = (name: string): Uint8Array => ferryKey("campaign_todo", name);
export const todoKey = (name: string, lane: number, id: ActorId): Uint8Array =>
  ferryKey("campaign_todo", name, lane, id);
export const laterPrefix = (name: string): Uint8Array => ferryKey("campaign_later", name);
export const laterKey = (name: string, dueMs: number, id: ActorId): Uint8Array =>
  ferryKey("campaign_later", name, dueMs, id);
/** Everything due before a time. */
export const laterEnd = (name: string, nowMs: number): Uint8Array => ferryKey("campaign_later", name, nowMs + 1);
export const openPrefix = (name: string): Uint8Array => ferryKey("campaign_open", name);
export const openKey = (name: string, id: ActorId): Uint8Array => ferryKey("campaign_open", name, id);
export const actorPrefix = (name: string): Uint8Array => ferryKey("campaign_actor", name);
export const actorKey = (name: string, id: ActorId): Uint8Array => ferryKey("campaign_actor", name, id);
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

const ID_CHARACTERS = 30;

/** The actor at the end of a key: 30 characters and a zero byte, as a tuple string ends. */
export function actorAtEnd(key: Uint8Array): ActorId {
  return parseActorId(Buffer.from(key.subarray(-ID_CHARACTERS - 1, -1)).toString("latin1"));
}
