/** Memory that rises by more than this from the second quarter of the time to the last is not flat. */
const RATIO = 1.3;
/**
 * Allowed in any case: of a few MiB, as Redis has, 30 % are what its allocator, clients' buffers and the window's own ups and downs take
 * and give back. A job or a row left behind by each of a million actors would come to many times as much.
 */
const ALLOWANCE_MIB = 8;

/** The most in each quarter of the time: a leak shows as quarters that rise. */
export function quarters(values: readonly number[]): number[] {
  return [0.25, 0.5, 0.75, 1].map((part) => {
    const until = Math.max(1, Math.round(values.length * part));
    return Math.max(...values.slice(Math.max(0, Math.round(values.length * (part - 0.25))), until));
  });
}

/** Whether memory, in MiB by quarters, is flat. The first quarter is not judged: a process grows until its heap has found its size. */
export function isFlat([, second = 0, third = 0, last = 0]: readonly number[]): boolean {
  return Math.max(third, last) <= Math.max(second * RATIO, second + ALLOWANCE_MIB);
}
