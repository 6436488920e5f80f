import { FormatError } from "../../../formats/format-error.ts";
import type { Verdict } from "../../outcome.ts";
import type { ImageOutline, V2State } from "../target.ts";
import { MAX_PAGES, NEWER_ENGINE_MAX_PAGES, type DepotOptions } from "./depot-options.ts";

/**
 * Why an image of this size is not for Ferry to bring to Depot, as things stand: readers could not open it, or the engine has a claim on it
 * (DEPOT R6).
 * @throws FormatError `too_many_pages`
 */
export function reasonNotToAdmit(
  v2: V2State,
  { pageCount, recovered }: ImageOutline,
  { maxPages = MAX_PAGES }: Pick<DepotOptions, "maxPages">,
): Verdict | undefined {
  if (pageCount > maxPages) {
    throw new FormatError(
      "too_many_pages",
      "The database has more pages than a reader of Depot can find in the time of one transaction.",
      { pageCount, maxPages },
    );
  }
  const engineMigrates = v2.kind === "absent" || v2.kind === "unprepared" ? v2.engineMigratesPages : undefined;
  if (engineMigrates === undefined) {
    return undefined;
  }
  if (pageCount <= engineMigrates) {
    return ENGINE_TOOK_OVER;
  }
  return recovered && pageCount <= NEWER_ENGINE_MAX_PAGES ? NEWER_ENGINE_MAY_IMPORT : undefined;
}

const ENGINE_TOOK_OVER: Verdict = {
  state: "deferred",
  reason: "engine_took_over",
  detail:
    "The engine has begun to migrate this actor itself, and its image is small enough for it. See docs/runbooks/engine_took_over.md.",
};

/**
 * An engine newer than the releases that looked for a database before Ferry's switch goes on afterwards: it writes page 1 of v1's main
 * file over Ferry's, and pages past Ferry's last. To an image that is the main file that does no harm; any other would be mixed with it.
 */
const NEWER_ENGINE_MAY_IMPORT: Verdict = {
  state: "deferred",
  reason: "engine_took_over",
  detail:
    "The engine has begun to migrate this actor itself, and a newer engine could write v1's pages over an image that is recovered from a journal or a log. See docs/runbooks/engine_took_over.md.",
};
