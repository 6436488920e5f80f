import { parseActorId, type ActorId } from "../formats/actor-id.ts";
import type { OneRollback } from "../migration/context.ts";

/** Overrides of one request, e.g. `layout`, `journal`, `check`, `verify`. Small, and never data of the actor. */
export type RequestOptions = Readonly<Record<string, string | number | boolean>>;

/** The payload of a job: which actor, for whom, how. */
export interface MigrationRequest {
  readonly actorId: ActorId;
  readonly campaign?: string;
  /**
   * The campaign that left the actor and has it asked for again: the outcome is recorded under it, and the request is served whatever the
   * campaign's state, which for one with `campaign` decides. Workers that do not know the field record the outcome under none.
   */
  readonly onBehalfOf?: string;
  /**
   * It was asked for in spite of this rollback of an operator's. One that came later, which a job that starts once more can find, stands.
   */
  readonly rolledBack?: OneRollback;
  readonly options?: RequestOptions;
  /** RFC 3339, UTC, with milliseconds. Of several requests for an actor that has not started, the latest is served. */
  readonly requestedAt: string;
}

/** What a request for an actor that has an outcome says besides. */
export type RequestOccasion = Pick<MigrationRequest, "onBehalfOf" | "rolledBack">;

/** The request in a job's payload, or undefined when it is none: a job without its hash, or somebody else's. */
export function parseRequest(payload: unknown): MigrationRequest | undefined {
  if (typeof payload !== "object" || payload === null || !("actorId" in payload) || !("requestedAt" in payload)) {
    return undefined;
  }
  const { actorId, requestedAt, campaign, onBehalfOf, rolledBack, options } = payload as Record<string, unknown>;
  if (typeof actorId !== "string" || typeof requestedAt !== "string") {
    return undefined;
  }
  try {
    return {
      actorId: parseActorId(actorId),
      requestedAt,
      ...(typeof campaign === "string" ? { campaign } : {}),
      ...(typeof onBehalfOf === "string" ? { onBehalfOf } : {}),
      ...(isRollback(rolledBack) ? { rolledBack: { at: rolledBack.at } } : {}),
      ...(isOptions(options) ? { options } : {}),
    };
  } catch {
    return undefined;
  }
}

function isRollback(value: unknown): value is OneRollback {
  return typeof value === "object" && value !== null && (!("at" in value) || typeof value.at === "string");
}

function isOptions(value: unknown): value is RequestOptions {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
