import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { fromHex, prefixRange } from "../../formats/bytes.ts";
import type { KeyValue } from "../../store/store.ts";
import { assertReadable, readFileOrStandard, STANDARD } from "../files.ts";
import { ALL_ROWS, dumpRows } from "../rows/dump-rows.ts";
import { loadRows } from "../rows/load-rows.ts";
import { rowTexts } from "../rows/row-line.ts";
import type { Run, Runner } from "../run.ts";
import { writeWholeFile } from "../whole-file.ts";

/** `ferry store load` and `ferry store dump`: rows in and out as lines. */
export function registerStore(program: Command, runner: Runner): void {
  const store = program.command("store").description("rows of the store, in and out");
  store
    .command("load")
    .description('load rows from lines of the form {"k":hex,"v":hex}')
    .argument("<file>", "file to read, or - for standard input")
    .action((file: string, _options: unknown, command: Command) => runner.run(command, (run) => load(run, file)));
  store
    .command("dump")
    .description('write all rows, in key order, as lines of the form {"k":hex,"v":hex}')
    .argument("[file]", "file to write, or - for standard output", STANDARD)
    .option("--prefix <hex>", "only rows whose key starts with these bytes")
    .action((file: string, options: { prefix?: string }, command: Command) =>
      runner.run(command, (run) => dump(run, file, options.prefix ?? "")),
    );
}

async function load(run: Run, file: string): Promise<undefined> {
  await assertReadable(file);
  const store = await run.openStore({ create: true, priority: "batch" });
  const rows = await loadRows(store, readFileOrStandard(file, run), run.signal);
  if (run.json) {
    await run.output.line(JSON.stringify({ rows }));
  } else {
    run.notes.say(`${rows} rows loaded.`);
  }
}

async function dump(run: Run, file: string, prefixHex: string): Promise<undefined> {
  const prefix = fromHex(prefixHex);
  if (prefix === undefined) {
    throw new UsageError(`--prefix "${prefixHex}" is not hex: write two digits per byte.`);
  }
  const range = prefix.length === 0 ? ALL_ROWS : prefixRange(prefix);
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const texts = textsOf(dumpRows(store, range, run.signal));
  if (file !== STANDARD) {
    await writeWholeFile(file, texts);
    return;
  }
  for await (const text of texts) {
    await run.output.text(text);
  }
}

async function* textsOf(batches: AsyncIterable<readonly KeyValue[]>): AsyncGenerator<string, void, undefined> {
  for await (const rows of batches) {
    yield* rowTexts(rows);
  }
}
