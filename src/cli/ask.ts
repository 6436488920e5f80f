import { createInterface } from "node:readline";
import { InterruptedError } from "./interrupted-error.ts";
import type { Run } from "./run.ts";

/** Whether somebody sits at standard input and can be asked. */
export function canBeAsked(run: Pick<Run, "stdin">): boolean {
  return run.stdin === process.stdin && process.stdin.isTTY;
}

/** Puts a question at the terminal. The end of input is an empty answer. @throws InterruptedError */
export async function ask(run: Pick<Run, "stdin" | "notes" | "signal">, question: string): Promise<string> {
  const { stdin, notes, signal } = run;
  signal.throwIfAborted();
  const prompt = createInterface({ input: stdin, output: notes.stream });
  const asked = new AbortController();
  try {
    return await new Promise<string>((resolve, reject) => {
      const stop = (): void => {
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", stop, { signal: asked.signal });
      // While a line is typed the terminal hands Ctrl-C to the prompt, and no signal comes.
      prompt.on("SIGINT", () => {
        notes.say("");
        reject(new InterruptedError("SIGINT"));
      });
      prompt.on("close", () => {
        resolve("");
      });
      prompt.question(question, resolve);
    });
  } finally {
    asked.abort();
    prompt.close();
  }
}
