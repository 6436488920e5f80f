/** How a piece of text is shown; "" as it is. */
export type Color = "" | "bold" | "dim" | "red" | "green" | "yellow" | "blue" | "cyan";

const CODES: Readonly<Record<Exclude<Color, "">, number>> = {
  bold: 1,
  dim: 2,
  red: 31,
  green: 32,
  yellow: 33,
  blue: 34,
  cyan: 36,
};

/** One line of pieces, cut to the terminal's width; with colours where they are wanted. */
export function paint(
  spans: readonly (readonly [Color, string])[],
  look: { readonly columns: number; readonly color: boolean },
): string {
  let left = look.columns;
  return spans
    .map(([color, text]) => {
      const shown = text.slice(0, Math.max(0, left));
      left -= shown.length;
      return color === "" || !look.color || shown === "" ? shown : `\u001b[${CODES[color]}m${shown}\u001b[0m`;
    })
    .join("");
}
