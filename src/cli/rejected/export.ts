import { collectEvidence } from "../../campaign/evidence/evidence.ts";
import { STANDARD } from "../files.ts";
import { parseIdArgument } from "../ids.ts";
import type { Run } from "../run.ts";
import { ferryVersion } from "../version.ts";
import { writeWholeFile } from "../whole-file.ts";

/** Flags of `ferry rejected export`. */
export interface ExportFlags {
  readonly output: string;
  readonly includePages?: boolean;
}

/** Lines written at once. */
const LINES = 500;

/** Writes an actor's evidence bundle. */
export async function exportEvidence(run: Run, idText: string, flags: ExportFlags): Promise<undefined> {
  const id = parseIdArgument(idText);
  const store = await run.openStore({ readOnly: true });
  const { node } = process.versions;
  const lines = collectEvidence(store, id, {
    includePages: flags.includePages === true,
    versions: { ferry: ferryVersion(), node, storeEngine: store.engine },
    nowMs: Date.now(),
    signal: run.signal,
  });
  if (flags.output === STANDARD) {
    for await (const text of inTexts(lines)) {
      await run.output.text(text);
    }
    return;
  }
  await writeWholeFile(flags.output, inTexts(lines));
  run.notes.say(`Written to ${flags.output}; read it with ferry inspect --bundle ${flags.output}`);
}

async function* inTexts(lines: AsyncIterable<string>): AsyncGenerator<string, void, undefined> {
  let held: string[] = [];
  for await (const line of lines) {
    held.push(`${line}\n`);
    if (held.length === LINES) {
      yield held.join("");
      held = [];
    }
  }
  yield held.join("");
}
