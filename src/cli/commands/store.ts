import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { fromHex, prefixRange } from "../../formats/bytes.ts";
import { assertReadable, fileError, readFileOrStandard, STANDARD } from "../files.ts";
import { Output } from "../output.ts";
import { ALL_ROWS, dumpRows } from "../rows/dump-rows.ts";
import { loadRows } from "../rows/load-rows.ts";
import { formatRow } from "../rows/row-line.ts";
import type { Run, Runner } from "../run.ts";

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
    .option("--prefix <hex>", "only rows whose key starts with these bytes", "")
    .action((file: string, options: { prefix: string }, command: Command) =>
      runner.run(command, (run) => dump(run, file, options.prefix)),
    );
}

async function load(run: Run, file: string): Promise<undefined> {
  await assertReadable(file);
  const store = await run.openStore({ create: true, priority: "batch" });
  const rows = await loadRows(store, readFileOrStandard(file, run.stdin), run.signal);
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
  const writeTo = async (output: Output): Promise<void> => {
    for await (const rows of dumpRows(store, range, run.signal)) {
      if (rows.length > 0) {
        await output.text(rows.map((row) => `${formatRow(row)}\n`).join(""));
      }
    }
    await output.flush();
  };
  if (file === STANDARD) {
    await writeTo(run.output);
    return;
  }
  await writeWhole(file, writeTo);
}

/** Writes a file of the final name only when it is complete. */
async function writeWhole(file: string, writeTo: (output: Output) => Promise<void>): Promise<void> {
  const partial = `${file}.${process.pid}.partial`;
  const stream = createWriteStream(partial);
  try {
    await writeTo(new Output(stream));
    await new Promise<void>((resolve, reject) => {
      stream.once("error", reject);
      stream.end(resolve);
    });
    await rename(partial, file);
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw fileError(file, "write", error);
  }
}
