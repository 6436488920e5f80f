import { randomBytes } from "node:crypto";

import { makeActorId, type ActorId } from "../../src/formats/actor-id.ts";
import type { MigrationRequest, RequestOptions } from "../../src/queue/migration-request.ts";

/** A new actor id of datacenter 1. */
export function newActor(): ActorId {
  return makeActorId(randomBytes(16), 1);
}

let lastMs = 0;

/** A request later than any this process made before. */
export function newRequest(actorId: ActorId, options?: RequestOptions): MigrationRequest {
  lastMs = Math.max(lastMs + 1, Date.now());
  return { actorId, requestedAt: new Date(lastMs).toISOString(), ...(options === undefined ? {} : { options }) };
}
