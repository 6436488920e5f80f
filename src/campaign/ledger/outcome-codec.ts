import { FormatError } from "../../formats/format-error.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import { OUTCOME_STATES, type Outcome } from "../../migration/outcome.ts";

/*
 * An outcome as the ledger stores it: JSON, because operators and later versions read it, with the actor id left to the key.
 * Unknown fields of later versions are kept through a read and lost by a write.
 */

const TEXT = new TextDecoder("utf-8", { fatal: true });
const BYTES = new TextEncoder();

export function encodeOutcome(outcome: Outcome): Uint8Array {
  return BYTES.encode(JSON.stringify({ ...outcome, actorId: undefined }));
}

/** @throws FormatError `outcome_undecodable` */
export function decodeOutcome(id: ActorId, bytes: Uint8Array): Outcome {
  let parsed: unknown;
  try {
    parsed = JSON.parse(TEXT.decode(bytes));
  } catch (cause) {
    throw undecodable(id, cause);
  }
  if (typeof parsed !== "object" || parsed === null || !("state" in parsed) || !("finishedAt" in parsed)) {
    throw undecodable(id);
  }
  if (!OUTCOME_STATES.some((state) => state === parsed.state)) {
    throw undecodable(id);
  }
  return { ...(parsed as Omit<Outcome, "actorId">), actorId: id };
}

function undecodable(id: ActorId, cause?: unknown): FormatError {
  return new FormatError(
    "outcome_undecodable",
    "The ledger's row of this actor cannot be read.",
    { actorId: id },
    cause,
  );
}
