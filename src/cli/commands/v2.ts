import { resolve } from "node:path";
import type { Command } from "commander";
import type { Author } from "../../campaign/campaign-history.ts";
import { ledger } from "../../campaign/ledger/ledger.ts";
import { UsageError } from "../../errors.ts";
import type { ActorId } from "../../formats/actor-id.ts";
import { equalBytes } from "../../formats/bytes.ts";
import { FormatError } from "../../formats/format-error.ts";
import { PAGE_BYTES } from "../../formats/sqlite-header.ts";
import { discardStorage, type DiscardRefusal } from "../../migration/discard-storage.ts";
import type { PageBatch } from "../../migration/pages.ts";
import { storeRows } from "../../migration/rows.ts";
import type { Target } from "../../migration/targets/target.ts";
import { readV2Pages } from "../../migration/v2-image.ts";
import type { KeyRange, Store } from "../../store/store.ts";
import { addReason, authorOf, type ReasonFlag } from "../campaign/author.ts";
import { parseIdArgument } from "../ids.ts";
import { dumpRows } from "../rows/dump-rows.ts";
import { rowTexts } from "../rows/row-line.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";
import { targetOfActors } from "../targets/targets-of-actors.ts";
import { writeWholeFile } from "../whole-file.ts";

/** `ferry v2 …`. */
export function registerV2(program: Command, runner: Runner): void {
  const v2 = program.command("v2").description("actors' databases as v2 has them");
  const command = v2
    .command("export")
    .description("write an actor's v2 image as a SQLite file")
    .argument("<id>", "actor id")
    .argument("<file>", "file to write")
    .action((idText: string, file: string, _flags: unknown, self: Command) =>
      runner.run(self, (run) => exportImage(run, parseIdArgument(idText), file)),
    );
  addSettings(command, "target", "namespace");
  addReason(v2.command("discard"))
    .description("remove what the older form of v2 holds of an actor that Depot rejected as storage_v2_written")
    .argument("<id>", "actor id")
    .argument("<file>", "new file to write the rows to first; ferry store load brings them back")
    .action((idText: string, file: string, flags: ReasonFlag, self: Command) =>
      runner.run(self, (run) => discard(run, parseIdArgument(idText), file, authorOf(run, flags))),
    )
    .addHelpText("after", DISCARD_HELP);
}

const DISCARD_HELP = `
What v1 holds is what ferry requeue then brings to Depot. Who removed the rows, and why, is in the actor's outcome (ferry inspect ID). Where the newer data is in the rows, put it there before, and see to it that the actor sleeps from the first of these to the last: what it writes in between is in ID.rows alone.

  ferry v2 export ID newer.sqlite --target storage
  ferry v1 import newer.sqlite --actor ID --replace
  ferry v2 discard ID ID.rows
  ferry requeue ID`;

const REFUSALS: Readonly<Record<DiscardRefusal, string>> = {
  not_rejected: "its last outcome is not rejected storage_v2_written, so nothing asks for it",
  no_rows: "there are none",
  no_v1_data: "v1 has no data, so they may be all there is",
  actor_awake: "it is awake: try again while it sleeps",
  migration_in_progress: "an attempt holds its lease: try again when that has ended",
  written_meanwhile: "they were written while they were saved: try again, with another file",
};

async function discard(run: Run, id: ActorId, file: string, author: Author): Promise<undefined> {
  const store = await run.openStore();
  let rows = 0;
  const refusal = await discardStorage({ store, ledger, now: Date.now }, id, {
    // One that is there may hold another actor's rows, which are nowhere else.
    save: (ranges) => writeWholeFile(file, linesOf(ranges), { isNew: true }),
    detail: detailOf(author, file),
  });
  if (refusal !== undefined) {
    throw new UsageError(`The rows of actor ${id} in v2's older form stay: ${REFUSALS[refusal]}.`);
  }
  if (run.json) {
    await run.output.line(JSON.stringify({ actorId: id, rows, file }));
  } else {
    run.notes.say(`${rows} rows written to ${file}, and removed: ferry requeue ${id} migrates what v1 holds.`);
  }

  async function* linesOf(ranges: readonly KeyRange[]): AsyncGenerator<string, void, undefined> {
    for (const range of ranges) {
      for await (const batch of dumpRows(store, range, run.signal)) {
        rows += batch.length;
        yield* rowTexts(batch);
      }
    }
  }
}

/** What the ledger says of an actor whose rows were removed. */
function detailOf({ who, reason }: Author, file: string): string {
  const why = reason === undefined ? "." : `: ${reason}`;
  return `Its rows in v2's older form were written to ${resolve(file)}, and removed, by ${who}${why}`;
}

async function exportImage(run: Run, id: ActorId, file: string): Promise<undefined> {
  const store = await run.openStore({ readOnly: true });
  const target = await targetOfActors(run.config, store, [id]);
  const rows = storeRows(store, run.signal);
  const head = await readHead(store, target, id);
  const pageCount = await target.readPageCount(rows, id);
  if (head === undefined || pageCount === undefined) {
    throw new UsageError(`Actor ${id} has no complete v2 image: ferry inspect ${id} says what there is.`);
  }
  const assertAtRest = async (): Promise<void> => {
    if (!equalBytes(head, await readHead(store, target, id))) {
      throw new UsageError(`Actor ${id} was written to during the export: try again while it sleeps.`);
    }
  };
  const pages = pagesOf(readV2Pages({ store, target }, id, pageCount, run.signal));
  await writeWholeFile(file, pages, { check: assertAtRest }).catch(async (error: unknown) => {
    if (error instanceof FormatError) {
      // Pages that went while they were read.
      await assertAtRest();
    }
    throw error;
  });
  if (run.json) {
    await run.output.line(JSON.stringify({ actorId: id, pages: pageCount, bytes: pageCount * PAGE_BYTES, file }));
  } else {
    run.notes.say(`${pageCount} pages written to ${file}.`);
  }
}

async function* pagesOf(batches: AsyncIterable<PageBatch>): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { pages } of batches) {
    yield* pages;
  }
}

function readHead(store: Store, target: Target, id: ActorId): Promise<Uint8Array | undefined> {
  return store.transact((tx) => target.readHead(tx, id), { label: "read_v2" });
}
