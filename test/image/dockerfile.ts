import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { Copy, DockerfileParser, JSONInstruction, type Instruction } from "dockerfile-ast";

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const DOCKERFILE = readFileSync(`${ROOT}Dockerfile`, "utf8");

/** One stage: the image it starts from, and its instructions in order. */
export interface Stage {
  readonly name: string;
  readonly image: string;
  readonly instructions: readonly Instruction[];
}

const parsed = DockerfileParser.parse(DOCKERFILE);

/** Arguments before the first stage, with their defaults. */
export const ARGUMENTS: ReadonlyMap<string, string> = new Map(
  parsed.getInitialARGs().map((one) => {
    const property = one.getProperty();
    return [property?.getName() ?? "", property?.getValue() ?? ""];
  }),
);

/** The Dockerfile's stages in order. */
export const STAGES: readonly Stage[] = parsed.getFROMs().map((from, index, all) => {
  const start = from.getRange().start.line;
  const end = all[index + 1]?.getRange().start.line ?? Infinity;
  return {
    name: from.getBuildStage() ?? "",
    image: (from.getImage() ?? "").replace(/\$\{(\w+)\}/g, (_, name: string) => ARGUMENTS.get(name) ?? ""),
    instructions: parsed.getInstructions().filter((one) => {
      const { line } = one.getRange().start;
      return line > start && line < end;
    }),
  };
});

/** The stage of a name. */
export function stage(name: string): Stage {
  const found = STAGES.find((one) => one.name === name);
  if (found === undefined) {
    throw new Error(`the Dockerfile has no stage ${name}`);
  }
  return found;
}

/** The words of an instruction: those of its list, or of its line. */
export function wordsOf(instruction: Instruction): string[] {
  const list = instruction instanceof JSONInstruction ? instruction.getJSONStrings() : [];
  return list.length > 0
    ? list.map((word) => word.getJSONValue())
    : instruction.getArguments().map((word) => word.getValue());
}

/** Whether an instruction is written as a list, which no shell interprets. */
export function isList(instruction: Instruction): boolean {
  return instruction instanceof JSONInstruction && instruction.getJSONStrings().length > 0;
}

/** The stage that a COPY copies from; undefined for the build context. */
export function originOf(copy: Instruction): string | undefined {
  return copy instanceof Copy ? (copy.getFromFlag()?.getValue() ?? undefined) : undefined;
}

/** Instructions of a kind, e.g. `COPY`, of a stage. */
export function ofKind({ instructions }: Stage, keyword: string): Instruction[] {
  return instructions.filter((one) => one.getKeyword() === keyword);
}
