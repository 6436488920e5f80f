/**
 * Breaks prose between words where it is wider than `columns`, paragraph by paragraph. Blank lines part paragraphs, and lines that begin
 * with a space, such as examples, stay as they are.
 */
export function wrapProse(text: string, columns: number): string {
  const lines: string[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    lines.push(
      ...(paragraph.some(({ length }) => length > columns)
        ? wrapped(paragraph.join(" ").split(" "), columns)
        : paragraph),
    );
    paragraph = [];
  };
  for (const line of text.split("\n")) {
    if (line === "" || line.startsWith(" ")) {
      flush();
      lines.push(line);
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return lines.join("\n");
}

/** Lines of whole words, or of other pieces that stay together. */
export function wrapped(words: readonly string[], width: number, gap = " "): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of words) {
    if (line !== "" && line.length + gap.length + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line}${gap}${word}`;
    }
  }
  return [...lines, line];
}
