import type { IntegrityMode, IntegrityResult } from "./integrity.ts";

/** To the worker: check this file, which nobody else uses. One request at a time. */
export interface CheckRequest {
  readonly file: string;
  readonly mode: IntegrityMode;
}

/** From the worker. `failure` is SQLite's message when not the image but the machine is at fault: memory, disk, permissions. */
export type CheckResponse = { readonly result: IntegrityResult } | { readonly failure: string };
