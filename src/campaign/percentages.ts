/** A share of a whole. */
export interface Share {
  readonly name: string;
  /** A whole number. */
  readonly percent: number;
}

/**
 * Amounts as whole percentages that add up to exactly 100, largest first: rounded down, and what is missing given to the largest
 * remainders. Nothing at all is an empty list; negative amounts count as none.
 */
export function percentagesOf(amounts: Readonly<Record<string, number>>): Share[] {
  const entries = Object.entries(amounts).filter(([, amount]) => amount > 0 && Number.isFinite(amount));
  // Divided first: the sum of very large amounts is no number any more.
  const largest = Math.max(...entries.map(([, amount]) => amount), 0);
  const whole = entries.reduce((sum, [, amount]) => sum + amount / largest, 0);
  const exact = entries.map(([name, amount]) => ({ name, share: (amount / largest / whole) * 100 }));
  const floors = exact.map(({ name, share }) => ({ name, percent: Math.floor(share), rest: share % 1 }));
  const missing = 100 - floors.reduce((sum, { percent }) => sum + percent, 0);
  return floors
    .sort((a, b) => b.rest - a.rest)
    .map(({ name, percent }, index) => ({ name, percent: percent + (index < missing ? 1 : 0) }))
    .sort((a, b) => b.percent - a.percent);
}
