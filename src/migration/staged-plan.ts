import type { KeyValue } from "../store/store.ts";
import type { LargeOutline } from "./image-source.ts";
import type { V1Marks } from "./v1/survey.ts";
import type { Claim } from "./targets/target.ts";

/** What the first transaction saw of a large actor; finalize proves that it still holds. */
export interface StagedPlan extends LargeOutline {
  /** The rows of the main file's metadata entry. */
  readonly metadataRows: readonly KeyValue[];
  /** Of the same moment: with the rows about the actor they tell that v1 was not written. */
  readonly marks: V1Marks;
  /** The actor's SLEEP_TS row. */
  readonly sleepTs: Uint8Array | undefined;
  /** Whether staging would remove v2 rows that are not Ferry's: then nothing is staged before everything was checked. */
  readonly disturbs: boolean;
  /** Whether v2 had an image that Ferry brought there, and had none any more. */
  readonly isGone: boolean;
  /** What the target saw besides. */
  readonly claim: Claim;
}
