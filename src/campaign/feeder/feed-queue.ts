import type { ActorId } from "../../formats/actor-id.ts";
import type { Campaign } from "../campaign.ts";

/** A job to be put on the queue. */
export interface FeedRequest {
  readonly actorId: ActorId;
  readonly campaign: string;
  readonly options: Campaign["spec"]["options"];
  /** From 1; lower is taken first, see fair-order.ts. */
  readonly turn: number;
}

/** What the feeder needs of the queue. */
export interface FeedQueue {
  feed(requests: readonly FeedRequest[]): Promise<void>;
  /** The turn of the job that is next, or the last one given when none waits; undefined: the queue knows of none. */
  turn(): Promise<number | undefined>;
  /** Moves the turns of all jobs that have not ended back by so many. */
  rebaseTurns(by: number): Promise<void>;
  /** Removes the campaign's jobs of these actors that wait or are put off. @returns the actors whose job is gone by that. */
  withdraw(campaign: string, ids: readonly ActorId[]): Promise<ActorId[]>;
  /** Which of these actors have no job to wait for: none at all, or one of no campaign that is put off while its actor is awake. */
  missing(ids: readonly ActorId[]): Promise<ActorId[]>;
}
