/** How a column is set: numbers stand at its right. */
export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** Lines of a plain table: columns as wide as they need, two spaces between, nothing at the ends of lines. */
export function tableLines(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const all = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...all.map((row) => row[index]?.length ?? 0)));
  return all.map((row) =>
    columns
      .map(({ right }, index) => {
        const cell = row[index] ?? "";
        return right === true ? cell.padStart(widths[index] ?? 0) : cell.padEnd(widths[index] ?? 0);
      })
      .join("  ")
      .trimEnd(),
  );
}
