import type { ActorId } from "../formats/actor-id.ts";
import { parseActorId } from "../formats/actor-id.ts";

/** Overrides of one request, e.g. `layout`, `journal`, `check`, `verify`, `force`. Small, and never data of the actor. */
export type RequestOptions = Readonly<Record<string, string | number | boolean>>;

/** The payload of a job: which actor, for whom, how. */
export interface MigrationRequest {
  readonly actorId: ActorId;
  readonly campaign?: string;
  readonly options?: RequestOptions;
  /** RFC 3339, UTC, with milliseconds. Of several requests for an actor that has not started, the latest is served. */
  readonly requestedAt: string;
}

/** The request in a job's payload, or undefined when it is none: a job without its hash, or somebody else's. */
export function parseRequest(payload: unknown): MigrationRequest | undefined {
  if (typeof payload !== "object" || payload === null || !("actorId" in payload) || !("requestedAt" in payload)) {
    return undefined;
  }
  const { actorId, requestedAt, campaign, options } = payload as Record<string, unknown>;
  if (typeof actorId !== "string" || typeof requestedAt !== "string") {
    return undefined;
  }
  try {
    return {
      actorId: parseActorId(actorId),
      requestedAt,
      ...(typeof campaign === "string" ? { campaign } : {}),
      ...(isOptions(options) ? { options } : {}),
    };
  } catch {
    return undefined;
  }
}

function isOptions(value: unknown): value is RequestOptions {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
