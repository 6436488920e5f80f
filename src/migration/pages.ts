/** Consecutive pages of an image: the page number of the first, one-based as in SQLite, and the pages, 4,096 bytes each. */
export interface PageBatch {
  readonly firstPgno: number;
  readonly pages: readonly Uint8Array[];
}
