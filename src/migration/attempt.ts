import type { ActorId } from "../formats/actor-id.ts";
import type { MigrationContext, MigrationOptions } from "./context.ts";

/** One attempt at one actor: what it works with, on whom, how, and what stops it. */
export interface Attempt {
  readonly context: MigrationContext;
  readonly id: ActorId;
  readonly options: MigrationOptions;
  readonly signal: AbortSignal;
}
