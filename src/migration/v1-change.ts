import type { ActorId } from "../formats/actor-id.ts";
import { assertFormatError } from "../formats/format-error.ts";
import { openImage, type ImageSource } from "./image-source.ts";
import { DEFAULT_MIGRATION_OPTIONS, type MigrationContext } from "./context.ts";
import type { MigratedActor, V1Outline } from "./migrated-actor.ts";
import type { Outcome } from "./outcome.ts";
import { digestOf } from "./pages.ts";
import { mainMetadata } from "./v1/survey.ts";
import { mainFileBytes, needsRecovery } from "./v1/v1-checks.ts";

/** A migrated actor's sidecars were let pass then; how, its outcome says. */
const AS_MIGRATED = { journal: "rollback", sidecars: "tolerate", wal: "apply" } as const;

const ANOTHER = "The image that v1 holds is another one than was migrated.";

/** A longer main file is not read: it is not what was migrated, not even as a transaction that crashed may have lengthened it. */
function mostBytes(outcome: Outcome | undefined): number {
  return Math.max(DEFAULT_MIGRATION_OPTIONS.maxImageBytes, 2 * (outcome?.bytes ?? 0));
}

/**
 * Why v1 is not what was migrated any more, as a sentence; undefined while it is, or where nothing is left of it. Reads all of v1.
 *
 * Nobody writes v1 after the switch but an old runner that wakes the actor, or an operator: what they wrote is in v1 alone, whatever
 * happened to v2 meanwhile. Compared is the image as it was migrated, so with a journal and a log where there were any; one that has
 * come since is a change by itself. A cleanup takes all of v1 in one transaction: what is left of v1 was not left by one.
 */
export async function changeInV1(
  context: Pick<MigrationContext, "store">,
  id: ActorId,
  { outcome, v1 }: Pick<MigratedActor, "outcome" | "v1">,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (v1 === undefined) {
    return undefined;
  }
  if (v1.hasOthers) {
    return "It has rows of a form that Ferry does not know, and which were not migrated.";
  }
  const recovers = needsRecovery(v1.sidecars, AS_MIGRATED);
  if (recovers && outcome?.recovery === undefined) {
    return "A journal or a log has come to lie beside the database.";
  }
  try {
    if (!recovers && mainBytesOf(id, { outcome, v1 }) !== outcome?.bytes) {
      return ANOTHER;
    }
    const image = await openV1(context, id, { outcome, v1 }, signal);
    return (await digestOf(image.readPages(signal))) === outcome?.sha256 ? undefined : ANOTHER;
  } catch (error) {
    assertFormatError(error);
    return error.message;
  }
}

/**
 * Reads all of what v1 holds now, whatever was written to it since.
 * @returns the image's size in bytes.
 * @throws FormatError where it cannot be read to its end
 */
export async function readV1ToItsEnd(
  context: Pick<MigrationContext, "store">,
  id: ActorId,
  seen: SeenV1,
  signal: AbortSignal,
): Promise<number> {
  const image = await openV1(context, id, seen, signal);
  for await (const _ of image.readPages(signal)) {
    // Only a right image comes to its end.
  }
  return image.imageBytes;
}

type SeenV1 = Pick<MigratedActor, "outcome"> & { readonly v1: V1Outline };

/** The image as it would be migrated, with a journal rolled back and a log applied. */
async function openV1(
  { store }: Pick<MigrationContext, "store">,
  id: ActorId,
  seen: SeenV1,
  signal: AbortSignal,
): Promise<ImageSource> {
  const { sidecars } = seen.v1;
  const outline = {
    mainBytes: mainBytesOf(id, seen),
    policy: { ...AS_MIGRATED, maxImageBytes: mostBytes(seen.outcome) },
    ...(needsRecovery(sidecars, AS_MIGRATED) ? { sidecars } : {}),
  };
  return openImage(store, id, outline, signal);
}

function mainBytesOf(id: ActorId, { outcome, v1 }: SeenV1): number {
  return mainFileBytes(mainMetadata(id, v1.metadataRows), mostBytes(outcome));
}
