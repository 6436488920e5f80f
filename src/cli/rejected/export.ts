import { open, rename, rm } from "node:fs/promises";
import { collectEvidence } from "../../campaign/evidence.ts";
import { fileError, STANDARD } from "../files.ts";
import { parseIdArgument } from "../ids.ts";
import type { Run } from "../run.ts";
import { ferryVersion } from "../version.ts";

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
    takenAt: new Date().toISOString(),
    signal: run.signal,
  });
  if (flags.output === STANDARD) {
    for await (const text of inTexts(lines)) {
      await run.output.text(text);
    }
    return;
  }
  await writeWhole(flags.output, inTexts(lines));
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

/** Writes beside the file, and moves it to its name when all is there. */
async function writeWhole(file: string, texts: AsyncIterable<string>): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  try {
    // Only for who made it: with pages it is the actor's data.
    const handle = await open(partial, "wx", 0o600);
    try {
      for await (const text of texts) {
        await handle.write(text);
      }
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(partial, file);
  } catch (error) {
    await rm(partial, { force: true });
    throw fileError(file, "write", error);
  }
}
