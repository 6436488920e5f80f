import { UsageError } from "../../errors.ts";
import { ask, canBeAsked } from "../ask.ts";
import type { Run } from "../run.ts";

/** So many go without a question. */
export const UNASKED = 100;

/**
 * Has the operator agree to more than 100 actors: at a terminal by a question, elsewhere by `--yes`.
 * @throws UsageError when they do not.
 */
export async function confirmMany(run: Run, actors: number, yes: boolean): Promise<void> {
  if (actors <= UNASKED || yes) {
    return;
  }
  if (!(canBeAsked(run) && run.notes.isTerminal)) {
    throw new UsageError(
      `${actors} actors would be requeued, nothing was: agree with --yes, or take fewer with --limit.`,
    );
  }
  if (!/^y(es)?$/i.test((await ask(run, `Requeue ${actors} actors? [y/N] `)).trim())) {
    throw new UsageError("Nothing was requeued.");
  }
}
