import type { Run } from "./run.ts";

/**
 * Says how far work on many actors came that was interrupted, or that an error ended.
 * `done`: the counts as text; empty where nothing was done. `changes`: whether it stays done, so that the same command goes on.
 */
export function sayStopped(run: Run, done: string, { changes } = { changes: true }): void {
  if (done !== "" || run.signal.aborted) {
    const after = done === "" ? "" : `, after ${done}`;
    run.notes.say(`Stopped in the middle${after}${changes ? ": the same command goes on from there." : "."}`);
  }
}
