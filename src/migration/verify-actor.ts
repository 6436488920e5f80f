import type { ActorId } from "../formats/actor-id.ts";
import { runsOnV1 } from "../formats/actor-state.ts";
import { assertFormatError, FormatError } from "../formats/format-error.ts";
import type { MigrationContext } from "./context.ts";
import type { IntegrityMode } from "./integrity/integrity.ts";
import {
  hasImage,
  isAsSeen,
  isSameV2,
  readMigratedActor,
  type MigratedActor,
  type WithImage,
} from "./migrated-actor.ts";
import type { Outcome } from "./outcome.ts";
import { changeInV1 } from "./v1-change.ts";
import { checkV2, isAsMigrated } from "./v2-image.ts";

/** What a later look at a migrated actor found. */
export type Verification = ImageVerification | NoImage;

/** Of an actor with a v2 image. */
export interface ImageVerification {
  /**
   * - `same`: v1 and v2 are both what was migrated.
   * - `different`: v2 is not, and no write explains it, or it is another database than Ferry's migration made.
   * - `v1_changed`: v1 is not what was migrated any more, whatever v2 is: what was written to v1 since is not in v2.
   * - `runs_on_v1`: v1, where it is there, and v2 are what they should be, but an old runner has the actor, and v1 open: what that
   *   writes, v2 will not have.
   * - `v2_unreadable`: what v2 holds cannot be read.
   *
   * Or why v1 and v2 were not compared:
   * - `no_v1_data`: v1 is gone; v2, where nothing has written it, is what was migrated.
   * - `written_since`: v2 goes on by itself; v1, where it was looked at, is what was migrated.
   * - `not_migrated`: v2 is not of Ferry's making, as far as the ledger knows.
   */
  readonly comparison:
    | "same"
    | "different"
    | "v1_changed"
    | "runs_on_v1"
    | "v2_unreadable"
    | "no_v1_data"
    | "written_since"
    | "not_migrated";
  /** What SQLite says of the v2 image; `unchecked` where v2 was written each time that it was read. */
  readonly integrity: "ok" | "failed" | "unreadable" | "unchecked";
  /** SQLite's lines, or the sentence that says why v2 cannot be read. */
  readonly lines: readonly string[];
  /** In which way v1 changed. */
  readonly detail?: string;
  /** Of v2; not known where its head cannot be read. */
  readonly pages?: number;
}

/**
 * There is no complete v2 image: as has to be when the actor was taken back to v1 or destroyed, or is still on v1 (`on_v1`), as nobody has
 * migrated it, and a loss otherwise. `superseded`: Ferry has brought it to another form of v2 since, and whatever is left in this one is
 * nobody's.
 */
export interface NoImage {
  readonly comparison: "rolled_back" | "destroyed" | "on_v1" | "superseded" | "no_v2_image";
}

/** How often an actor is verified that is written meanwhile. */
const MAX_ROUNDS = 3;

/**
 * Compares an actor's v1 and v2 with what was migrated, as far as that still means something, and has SQLite check v2 in any case.
 *
 * The images are read over many transactions, of a cluster that lives. So what is found bad is only said where nothing happened to the
 * actor meanwhile; else it is verified again.
 */
export async function verifyActor(
  context: MigrationContext,
  id: ActorId,
  mode: IntegrityMode,
  signal: AbortSignal,
): Promise<Verification> {
  const look = (): Promise<MigratedActor> =>
    context.store.transact((tx) => readMigratedActor(context, tx, id), { label: "verify", signal });
  let seen = await look();
  for (let round = 1; ; round += 1) {
    const found = await verifySeen(context, id, { seen, mode }, signal);
    if (!isBad(found)) {
      return found;
    }
    const now = await look();
    if (now.state.destroyed) {
      return { comparison: "destroyed" };
    }
    if (isAsSeen(seen, now)) {
      return found;
    }
    if (round === MAX_ROUNDS) {
      return isSameV2(seen.v2, now.v2) ? found : neverAtRest(found, now);
    }
    seen = now;
  }
}

/** Whether something is lost or damaged, or about to be. */
export function isBad(found: Verification): boolean {
  switch (found.comparison) {
    case "different":
    case "v1_changed":
    case "runs_on_v1":
    case "v2_unreadable":
    case "no_v2_image":
      return true;
    case "rolled_back":
    case "destroyed":
    case "on_v1":
    case "superseded":
      return false;
    case "same":
    case "no_v1_data":
    case "written_since":
    case "not_migrated":
      return found.integrity === "failed";
  }
}

async function verifySeen(
  context: MigrationContext,
  id: ActorId,
  { seen, mode }: { seen: MigratedActor; mode: IntegrityMode },
  signal: AbortSignal,
): Promise<Verification> {
  if (seen.isSuperseded) {
    return { comparison: "superseded" };
  }
  if (!hasImage(seen)) {
    return withoutImage(seen);
  }
  const { pages } = seen.v2;
  const detail = seen.outcome?.state === "migrated" ? await changeInV1(context, id, seen, signal) : undefined;
  const change = detail === undefined ? {} : ({ comparison: "v1_changed", detail } as const);
  try {
    const comparison = detail === undefined ? await compareV2(context, id, seen, signal) : "v1_changed";
    const result = await checkV2(context, id, { pages, mode }, signal);
    return { comparison, ...(result.ok ? SOUND : { integrity: "failed", lines: result.lines }), pages, ...change };
  } catch (error) {
    assertFormatError(error);
    return { ...unreadable(error), pages, ...change };
  }
}

const SOUND = { integrity: "ok", lines: [] } as const;

/** What v2 is, where v1 is what was migrated. */
async function compareV2(
  context: MigrationContext,
  id: ActorId,
  seen: WithImage,
  signal: AbortSignal,
): Promise<ImageVerification["comparison"]> {
  const { outcome, v1, v2, state } = seen;
  if (outcome?.state !== "migrated") {
    return v1 === undefined ? "no_v1_data" : "not_migrated";
  }
  if (v2.origin === "other" || (v2.origin === "ferry" && !(await isAsMigrated(context, id, seen, signal)))) {
    return "different";
  }
  if (runsOnV1(state)) {
    return "runs_on_v1";
  }
  if (v1 === undefined) {
    return "no_v1_data";
  }
  return v2.origin === "ferry" ? "same" : "written_since";
}

function withoutImage({ v2, outcome, v1, state }: MigratedActor): Verification {
  if (v2 instanceof FormatError) {
    return unreadable(v2);
  }
  // That v1 is gone says nothing: after a cleanup it has to be.
  if (state.destroyed || outcome?.reason === "destroyed") {
    return { comparison: "destroyed" };
  }
  if (outcome?.reason === "rolled_back") {
    return { comparison: "rolled_back" };
  }
  return { comparison: v1 !== undefined && !hadImage(outcome) ? "on_v1" : "no_v2_image" };
}

/** Whether v2 had an image when the actor's last attempt ended, or Ferry's was gone by then. */
function hadImage(outcome: Outcome | undefined): boolean {
  return (
    outcome?.state === "migrated" ||
    outcome?.isGone === true ||
    outcome?.reason === "already_migrated" ||
    outcome?.reason === "native_v2"
  );
}

function unreadable(error: FormatError): ImageVerification {
  return { comparison: "v2_unreadable", integrity: "unreadable", lines: [error.message] };
}

/**
 * Of an actor whose v2 was written in every round: a change in v1 is one whatever v2 does, and so is another database in place of Ferry's;
 * what else was found says nothing.
 */
function neverAtRest(found: Verification, now: MigratedActor): Verification {
  if (!hasImage(now)) {
    return withoutImage(now);
  }
  if (found.comparison === "v1_changed") {
    return found;
  }
  const { pages, origin } = now.v2;
  const isReplaced = now.outcome?.state === "migrated" && origin === "other";
  return { comparison: isReplaced ? "different" : "written_since", integrity: "unchecked", lines: [], pages };
}
