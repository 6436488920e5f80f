import type { ActorId } from "../../formats/actor-id.ts";
import { normaliseDetail } from "./fingerprint.ts";
import type { Reject } from "./rejects.ts";

/** Rejects that have the same cause, as far as their details say. */
export interface RejectGroup {
  readonly reason: string;
  readonly fingerprint: string;
  readonly actors: number;
  readonly bytes: number;
  /** The detail with `#` for what differs. */
  readonly detail: string;
  /** One of them. */
  readonly example: ActorId;
}

/** Groups rejects by reason and fingerprint, most actors first. Holds a line per group, never the rejects. */
export async function groupRejects(rejects: AsyncIterable<Reject>): Promise<RejectGroup[]> {
  const groups = new Map<string, RejectGroup>();
  for await (const { outcome, fingerprint, bytes } of rejects) {
    const known = groups.get(fingerprint);
    groups.set(
      fingerprint,
      known === undefined
        ? {
            reason: outcome.reason ?? "",
            fingerprint,
            actors: 1,
            bytes,
            detail: normaliseDetail(outcome.detail ?? ""),
            example: outcome.actorId,
          }
        : { ...known, actors: known.actors + 1, bytes: known.bytes + bytes },
    );
  }
  return [...groups.values()].sort((a, b) => b.actors - a.actors || a.reason.localeCompare(b.reason));
}
