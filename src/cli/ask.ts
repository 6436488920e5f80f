import { createInterface } from "node:readline";
import { InterruptedError } from "./interrupted-error.ts";
import type { Run } from "./run.ts";

/** Whether somebody sits at standard input and can be asked. */
export function canBeAsked(run: Pick<Run, "stdin">): boolean {
  return run.stdin === process.stdin && process.stdin.isTTY;
}

/** Puts a question at the terminal. The end of input is an empty answer. @throws InterruptedError */
export function ask(run: Pick<Run, "stdin" | "notes" | "signal">, question: string): Promise<string> {
  const prompt = createInterface({ input: run.stdin, output: run.notes.stream });
  return new Promise<string>((resolve, reject) => {
    run.signal.addEventListener("abort", () => {
      reject(run.signal.reason as Error);
    });
    // While a line is typed the terminal hands Ctrl-C to the prompt, and no signal comes.
    prompt.on("SIGINT", () => {
      run.notes.say("");
      reject(new InterruptedError("SIGINT"));
    });
    prompt.on("close", () => {
      resolve("");
    });
    prompt.question(question, resolve);
  }).finally(() => {
    prompt.close();
  });
}
