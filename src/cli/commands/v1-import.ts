import { randomBytes } from "node:crypto";
import { access } from "node:fs/promises";
import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { makeActorId, type ActorId } from "../../formats/actor-id.ts";
import { actorStateKey } from "../../formats/actor-state.ts";
import { u64be } from "../../formats/bytes.ts";
import { FILE_TAG, type FileTag } from "../../formats/v1-file.ts";
import { v1Range } from "../../migration/v1/v1-keys.ts";
import { hasRows } from "../../store/read-rows.ts";
import type { Store } from "../../store/store.ts";
import { assertReadable, readFileOrStandard } from "../files.ts";
import { parseIdArgument } from "../ids.ts";
import { RowWriter } from "../rows/row-writer.ts";
import { v1Chunks, v1FileRows, type Writer } from "../rows/v1-rows.ts";
import type { Run, Runner } from "../run.ts";
import { ferryVersion } from "../version.ts";

interface ImportFlags {
  readonly journal?: string;
  readonly wal?: string;
  readonly actor?: string;
  readonly asleep?: boolean;
  readonly awake?: boolean;
  readonly replace?: boolean;
}

/** Adds `ferry v1 import` below `ferry v1`. */
export function registerV1Import(v1: Command, runner: Runner): void {
  v1.command("import")
    .description("write a SQLite file as an actor's v1 rows, and print the actor's id")
    .argument("<database>", "SQLite file; damaged ones are taken as they are")
    .option("--journal <file>", "its rollback journal")
    .option("--wal <file>", "its write-ahead log")
    .option("--actor <id>", "the actor's id; default: a new one")
    .option("--asleep", "record that the actor went to sleep now")
    .option("--awake", "record that the actor runs, so that it is not migrated")
    .option("--replace", "remove v1 rows that the actor has")
    .action((file: string, flags: ImportFlags, command: Command) =>
      runner.run(command, (run) => importFile(run, file, flags)),
    );
}

async function importFile(run: Run, database: string, flags: ImportFlags): Promise<undefined> {
  if (flags.asleep === true && flags.awake === true) {
    throw new UsageError("An actor is either asleep or awake: leave --asleep or --awake out.");
  }
  const id = flags.actor === undefined ? makeActorId(randomBytes(16), 0) : parseIdArgument(flags.actor);
  const files: { tag: FileTag; file: string }[] = [
    { tag: FILE_TAG.main, file: database },
    ...(flags.journal === undefined ? [] : [{ tag: FILE_TAG.journal, file: flags.journal }]),
    ...(flags.wal === undefined ? [] : [{ tag: FILE_TAG.wal, file: flags.wal }]),
  ];
  await Promise.all(files.map(({ file }) => assertReadable(file)));
  await noteSidecars(run, database, flags);
  const store = await run.openStore({ create: true });
  await prepareActor(store, id, flags, run.signal);
  const writer = new RowWriter(store, { label: "import", signal: run.signal });
  let bytes = 0;
  try {
    // The main file last: until its size is there, nobody takes a half imported actor for a whole one.
    for (const { tag, file } of files.reverse()) {
      bytes = await importOne(run, { id, tag, file, writer });
    }
  } catch (error) {
    run.notes.say(`Actor ${id} has a part of it: the same command with --actor ${id} --replace begins anew.`);
    throw error;
  }
  await run.output.line(run.json ? JSON.stringify({ actorId: id, bytes }) : id);
}

async function importOne(
  run: Run,
  source: { id: ActorId; tag: FileTag; file: string; writer: RowWriter },
): Promise<number> {
  const by: Writer = { version: `ferry ${ferryVersion()}`, updateTsMs: Date.now() };
  const chunks = v1Chunks(readFileOrStandard(source.file, run));
  const rows = v1FileRows(source.id, source.tag, { chunks, writer: by });
  for (;;) {
    const next = await rows.next();
    if (next.done === true) {
      await source.writer.flush();
      return next.value.bytes;
    }
    await source.writer.add(next.value);
  }
}

/** @throws UsageError when the actor has v1 rows that are not to be replaced. */
async function prepareActor(store: Store, id: ActorId, flags: ImportFlags, signal: AbortSignal): Promise<void> {
  await store.transact(
    async (tx) => {
      if (flags.replace !== true && (await hasRows(tx, v1Range(id)))) {
        throw new UsageError(`Actor ${id} has v1 data already: give another --actor, or --replace to remove it.`);
      }
      tx.clearRange(v1Range(id));
      if (flags.asleep === true || flags.awake === true) {
        tx.clear(actorStateKey(id, "CONNECTABLE"));
        tx.clear(actorStateKey(id, "SLEEP_TS"));
      }
      if (flags.asleep === true) {
        tx.set(actorStateKey(id, "SLEEP_TS"), u64be(BigInt(Date.now())));
      }
      if (flags.awake === true) {
        tx.set(actorStateKey(id, "CONNECTABLE"), new Uint8Array(0));
      }
    },
    { label: "import", signal },
  );
}

/** Says so when SQLite's own sidecars lie beside the file and are not imported: the image alone may be half a transaction. */
async function noteSidecars(run: Run, database: string, flags: ImportFlags): Promise<void> {
  for (const [suffix, flag, given] of [
    ["-journal", "--journal", flags.journal],
    ["-wal", "--wal", flags.wal],
  ] as const) {
    const isThere = await access(database + suffix).then(
      () => true,
      () => false,
    );
    if (isThere && given === undefined) {
      run.notes.say(`${database}${suffix} lies beside the database and is not imported: add ${flag} to take it along.`);
    }
  }
}
