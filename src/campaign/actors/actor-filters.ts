import { actorLabel, encodeActorId, type ActorId } from "../../formats/actor-id.ts";
import { viewOf } from "../../formats/bytes.ts";
import type { CampaignFilters } from "../campaign.ts";
import type { V1Actor } from "./v1-actors.ts";

/** Whether an actor takes part, by the campaign's filters. */
export function passesFilters(actor: V1Actor, filters: CampaignFilters): boolean {
  const { label, minBytes = 0, maxBytes = Number.MAX_SAFE_INTEGER, samplePercent = 100 } = filters;
  return (
    (label === undefined || actorLabel(actor.id) === label) &&
    actor.bytes >= minBytes &&
    actor.bytes <= maxBytes &&
    (samplePercent >= 100 || sampleOf(actor.id) < samplePercent)
  );
}

/** A number from 0 to 100 that depends on the id alone: its last random bytes. */
function sampleOf(id: ActorId): number {
  return (viewOf(encodeActorId(id)).getUint32(13) / 0x1_0000_0000) * 100;
}
