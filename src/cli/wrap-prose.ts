/**
 * Breaks prose between words where it is wider than `columns`, paragraph by paragraph. Blank lines part paragraphs, and lines that begin
 * with a space, such as examples, stay as they are.
 */
export function wrapProse(text: string, columns: number): string {
  const lines: string[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    lines.push(...(paragraph.some(({ length }) => length > columns) ? wrap(paragraph, columns) : paragraph));
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

function wrap(paragraph: readonly string[], columns: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of paragraph.join(" ").split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (longer.length > columns && line !== "") {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
