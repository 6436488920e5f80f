import { createInterface } from "node:readline";
import { UsageError } from "../../errors.ts";
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
  const isTerminal = run.stdin === process.stdin && process.stdin.isTTY && run.notes.isTerminal;
  if (!isTerminal) {
    throw new UsageError(
      `${actors} actors would be requeued, nothing was: agree with --yes, or take fewer with --limit.`,
    );
  }
  if (!/^y(es)?$/i.test((await ask(run, `Requeue ${actors} actors? [y/N] `)).trim())) {
    throw new UsageError("Nothing was requeued.");
  }
}

function ask(run: Run, question: string): Promise<string> {
  const prompt = createInterface({ input: run.stdin, output: run.notes.stream });
  return new Promise<string>((resolve, reject) => {
    run.signal.addEventListener("abort", () => {
      reject(run.signal.reason as Error);
    });
    // The end of input is no yes.
    prompt.on("close", () => {
      resolve("");
    });
    prompt.question(question, resolve);
  }).finally(() => {
    prompt.close();
  });
}
