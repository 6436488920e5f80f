/** A number and what is counted, e.g. `1 worker`, `3 workers`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
