import { appendFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { Bench } from "./bench.ts";
import { readCommandLine } from "./command-line.ts";
import { isMet, type Figure, type Result } from "./figure.ts";
import { campaignSize } from "./figures/campaign-size.ts";
import { depotFirstRead } from "./figures/depot-first-read.ts";
import { enqueueScan } from "./figures/enqueue-scan.ts";
import { firstPage } from "./figures/first-page.ts";
import { largeCopy } from "./figures/large-copy.ts";
import { memory } from "./figures/memory.ts";
import { optionsCost } from "./figures/options-cost.ts";
import { smallDirect } from "./figures/small-direct.ts";
import { smallQueue } from "./figures/small-queue.ts";
import { transactions } from "./figures/transactions.ts";
import { machineFacts } from "./machine.ts";
import { markdownOf } from "./table.ts";

/*
 * npm run bench: each figure as a ratio to a baseline of the same run. Starts a Redis of its own and embedded stores in temporary folders,
 * and ends and removes them, on Ctrl-C too. With FERRY_TEST_FDB_CLUSTER_FILE that cluster is measured as well: it is EMPTIED, before and
 * after. The table goes to standard output, what is under way to standard error, everything as JSON to a file.
 *
 * It runs compiled, as Ferry does where it is deployed: a loader of TypeScript gives every function its name when it is made, which costs a
 * small actor some percent and a bare transaction nothing.
 */

const FIGURES: readonly Figure[] = [
  smallQueue,
  smallDirect,
  largeCopy,
  memory,
  campaignSize,
  transactions,
  firstPage,
  depotFirstRead,
  enqueueScan,
  optionsCost,
];

const options = readCommandLine(
  new Command("npm run bench --")
    .description(
      "Measures each figure as a ratio to a baseline of the same run, on a Redis and stores of its own. With " +
        "FERRY_TEST_FDB_CLUSTER_FILE that cluster is measured as well, and EMPTIED before and after.",
    )
    .option("--full", "the sizes and rounds of the table of goals; without it, those of a run of three minutes", false)
    .option("--only <figures>", "some of them, with commas", readFigures)
    .option(
      "--json <file>",
      "where the figures go besides the table",
      readWritableFile,
      join(tmpdir(), "ferry-bench.json"),
    )
    .addHelpText("after", `\nFigures: ${namesOf(FIGURES)}`),
).opts<{ full: boolean; only?: readonly Figure[]; json: string }>();

await main();

async function main(): Promise<void> {
  const loadAtStart = loadavg();
  const embedded = new Bench({ full: options.full });
  const benches = [embedded, ...clusterBench()];
  const stop = endWith(benches);
  try {
    const results: Result[] = [];
    for (const bench of benches) {
      for (const figure of options.only ?? FIGURES) {
        results.push(...(await measure(bench, figure)));
      }
    }
    const facts = await machineFacts(await embedded.redisUrl(), loadAtStart);
    const judged = results.map((result) => ({ ...result, met: isMet(result) }));
    const mode = options.full ? "full" : "short";
    await writeFile(options.json, `${JSON.stringify({ mode, facts, results: judged }, undefined, 2)}\n`);
    process.stdout.write(markdownOf({ mode, ...facts }, results));
    say(`JSON: ${options.json}`);
  } finally {
    stop();
    await closeAll(benches);
  }
}

function readFigures(text: string): Figure[] {
  const names = text.split(",");
  const unknown = names.find((name) => !FIGURES.some((figure) => figure.name === name));
  if (unknown !== undefined) {
    throw new InvalidArgumentError(`There is no figure "${unknown}"; there are ${namesOf(FIGURES)}.`);
  }
  return FIGURES.filter(({ name }) => names.includes(name));
}

/** A file that can be written: that it cannot is to be known before an hour of measuring. */
function readWritableFile(text: string): string {
  try {
    appendFileSync(text, "");
    return text;
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
  }
}

function namesOf(figures: readonly Figure[]): string {
  return figures.map(({ name }) => name).join(", ");
}

async function measure(bench: Bench, figure: Figure): Promise<Result[]> {
  const startedAtMs = performance.now();
  say(`${figure.name} on ${bench.engine} …`);
  const results = await figure.run(bench);
  say(`${figure.name} on ${bench.engine}: ${((performance.now() - startedAtMs) / 1000).toFixed(1)} s`);
  return results;
}

function clusterBench(): Bench[] {
  // eslint-disable-next-line n/no-process-env -- an entry point: the same variable as the tests'
  const clusterFile = process.env["FERRY_TEST_FDB_CLUSTER_FILE"] ?? "";
  if (clusterFile === "") {
    return [];
  }
  say(`FoundationDB: the cluster of ${clusterFile} is emptied before and after`);
  return [new Bench({ full: options.full, clusterFile })];
}

/** Ends what was started when the run is told to end, and then ends as told. @returns what undoes that. */
function endWith(benches: readonly Bench[]): () => void {
  const signals = ["SIGINT", "SIGTERM"] as const;
  const onSignal = (signal: NodeJS.Signals): void => {
    undo();
    void closeAll(benches).finally(() => process.kill(process.pid, signal));
  };
  const undo = (): void => {
    signals.forEach((signal) => process.off(signal, onSignal));
  };
  signals.forEach((signal) => process.on(signal, onSignal));
  return undo;
}

async function closeAll(benches: readonly Bench[]): Promise<void> {
  await Promise.allSettled(benches.map((bench) => bench.close()));
}

function say(text: string): void {
  process.stderr.write(`${text}\n`);
}
