import type { NamespaceId } from "../../../formats/namespace-id.ts";

/** How the Depot target is used. */
export interface DepotOptions {
  /** The namespace of actors that have no NAMESPACE_ID row. Default: none, and such actors are rejected. */
  readonly namespace?: NamespaceId | undefined;
  /**
   * Whether the operator has declared that no runner of v1's protocol is left that could wake an actor (DEPOT R1). Without it
   * nothing is switched: what such a runner writes to v1 after the switch would be lost. Default: no.
   */
  readonly runnersDrained?: boolean | undefined;
  /** How long a pool's PROTOCOL_VERSION must have been seen. The engine caches it for 5 s; the rest is for clocks that differ. */
  readonly protocolSettleMs?: number | undefined;
  /** For a plan, which switches nothing: that wait is over before most of a campaign begins. Default: no. */
  readonly takesPoolsForSettled?: boolean | undefined;
  /** Larger images are rejected, because their first read would not end within a transaction's 5 s. */
  readonly maxPages?: number | undefined;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Where the last actor belonged that could be migrated; for targets that are made for one actor each. Default: the target's own. */
  readonly neighbour?: Neighbour | undefined;
}

/** Where an actor is expected to belong as well, as nearly all of a campaign are of one namespace and one pool. */
export interface Neighbour {
  place?: Place;
}

/** Where an actor belongs. */
export interface Place {
  readonly namespace: NamespaceId;
  readonly bucketBranch: Uint8Array;
  readonly poolName: Uint8Array | undefined;
}

/** Default of `protocolSettleMs`. */
export const PROTOCOL_SETTLE_MS = 10_000;
/**
 * Default of `maxPages`: 1 GiB. A reader scans one PIDX row per page when it first opens a database, within one transaction of 5 s;
 * docs/decisions/depot-page-limit.md has the measurements.
 */
export const MAX_PAGES = 262_144;
/** The engine's own migration puts all pages into one commit of at most so many: DEPOT §7.1. */
export const ENGINE_MAX_PAGES = 320;
/** What no engine that was looked at takes over by itself, in however many commits: main files of v1's above 128 MiB. */
export const NEWER_ENGINE_MAX_PAGES = 32_768;
