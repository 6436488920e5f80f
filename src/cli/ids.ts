import { IdList } from "../campaign/actors/id-list.ts";
import { UsageError } from "../errors.ts";
import { parseActorId, type ActorId } from "../formats/actor-id.ts";
import { assertFormatError, FormatError } from "../formats/format-error.ts";
import { readFileOrStandard, STANDARD } from "./files.ts";
import { readLines } from "./lines.ts";
import type { Surroundings } from "./run.ts";

/** Longest line of a list of ids: an id and a comment. */
const MAX_LINE = 10_000;

/** An actor id as a user wrote it. @throws UsageError */
export function parseIdArgument(text: string): ActorId {
  try {
    return parseActorId(text);
  } catch (error) {
    throw error instanceof FormatError ? new UsageError(`"${text}" is not an actor id. ${error.message}`) : error;
  }
}

/**
 * The distinct ids of a list: one per line, blank lines and what follows `#` left out. All of it is read and checked before anything is
 * done with it.
 * @throws UsageError with the number of the first line that is no id.
 */
export async function readIdList(file: string, run: Pick<Surroundings, "stdin" | "signal">): Promise<IdList> {
  const ids = new IdList();
  const name = file === STANDARD ? "standard input" : file;
  for await (const { firstNumber, lines } of readLines(readFileOrStandard(file, run), MAX_LINE)) {
    for (const [index, line] of lines.entries()) {
      const text = line.replace(/#.*$/, "").trim();
      if (text === "") {
        continue;
      }
      try {
        ids.add(parseActorId(text));
      } catch (error) {
        assertFormatError(error);
        throw new UsageError(
          `Line ${firstNumber + index} of ${name} is not an actor id, so nothing was done. ${error.message}`,
        );
      }
    }
  }
  return ids;
}
