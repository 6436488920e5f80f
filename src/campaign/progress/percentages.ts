/** A share of a whole. */
export interface Share {
  readonly name: string;
  /** A whole number. */
  readonly percent: number;
}

/**
 * Amounts as whole percentages that add up to exactly 100, largest first. Nothing at all is an empty list; negative amounts count as
 * none.
 */
export function percentagesOf(amounts: Readonly<Record<string, number>>): Share[] {
  const entries = Object.entries(amounts).filter(([, amount]) => amount > 0 && Number.isFinite(amount));
  // Divided first: the sum of very large amounts is no number any more.
  const largest = Math.max(...entries.map(([, amount]) => amount), 0);
  const whole = entries.reduce((sum, [, amount]) => sum + amount / largest, 0);
  const percents = roundedTogether(entries.map(([, amount]) => (amount / largest / whole) * 100));
  return entries
    .map(([name], index) => ({ name, percent: percents[index] ?? 0 }))
    .sort((a, b) => b.percent - a.percent);
}

/** Whole numbers that add up as the exact ones do: rounded down, and what is missing given to the largest remainders. */
export function roundedTogether(exact: readonly number[]): number[] {
  const missing = Math.round(sumOf(exact)) - sumOf(exact.map(Math.floor));
  const raised = exact
    .map((value, index) => ({ index, rest: value % 1 }))
    .sort((a, b) => b.rest - a.rest)
    .slice(0, missing)
    .map(({ index }) => index);
  return exact.map((value, index) => Math.floor(value) + (raised.includes(index) ? 1 : 0));
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0);
}
