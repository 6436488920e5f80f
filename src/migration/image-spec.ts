import type { Attempt } from "./attempt.ts";
import type { StagedSpec } from "./targets/target.ts";

/** What a target gets to name a stage, or what it prepares, by. */
export const TARGET_RANDOM_BYTES = 16;

/** What this attempt writes an image of so many pages as, under a stage of a new name. */
export function newImageSpec({ context, options }: Attempt, pageCount: number, creationTsMs: number): StagedSpec {
  const { target, randomBytes } = context;
  const spec = { layout: target.layoutOf(options.layout), pageCount, creationTsMs };
  return { ...spec, stage: target.newStage(spec, randomBytes(TARGET_RANDOM_BYTES)) };
}
