import { UsageError } from "../errors.ts";
import { ask, canBeAsked } from "./ask.ts";
import type { Run } from "./run.ts";

/**
 * Has an operator confirm what cannot be undone by typing a name: at the terminal, or with `--confirm NAME` elsewhere.
 * @throws UsageError when the name is not given.
 */
export async function confirmName(run: Run, name: string, given: string | undefined, question: string): Promise<void> {
  const asked = given ?? (canBeAsked(run) ? await ask(run, `${question} Type ${name} to go on: `) : undefined);
  if (asked === undefined) {
    throw new UsageError(`${question} Confirm with --confirm ${name}.`);
  }
  if (asked.trim() !== name) {
    throw new UsageError(`That is not "${name}": nothing was done.`);
  }
}
