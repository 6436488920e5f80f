/** A line for people: a name in a column of its own, and what is said of it. */
export function field(name: string, value: string): string {
  return `${name.padEnd(11)} ${value}`;
}
