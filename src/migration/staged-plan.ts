import type { KeyValue } from "../store/store.ts";
import type { Sidecars } from "./v1/v1-checks.ts";

/** What the first transaction saw of a large actor; finalize proves that it still holds. */
export interface StagedPlan {
  /** The main file's size. */
  readonly mainBytes: number;
  /** Present when the image has to be recovered from the main file and these. */
  readonly sidecars?: Sidecars;
  /** The rows of the main file's metadata entry. */
  readonly metadataRows: readonly KeyValue[];
  /** The actor's SLEEP_TS row. */
  readonly sleepTs: Uint8Array | undefined;
  /** Whether staging would remove v2 rows that are not Ferry's: then nothing is staged before everything was checked. */
  readonly disturbs: boolean;
  /** What the target saw besides; see `Claim` in targets/target.ts. */
  readonly basis?: Uint8Array;
  readonly advice?: string;
}
