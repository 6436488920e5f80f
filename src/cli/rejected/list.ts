import { findRejects, type Reject, type RejectState } from "../../campaign/rejects/rejects.ts";
import type { IndexPlace } from "../../campaign/ledger/ledger.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { UsageError } from "../../errors.ts";
import { readCount } from "../campaign/flag-values.ts";
import { plural } from "../../campaign/plural.ts";
import { parseIdArgument } from "../ids.ts";
import { explainNothing } from "../nothing-found.ts";
import { outcomeFields } from "../outcome-line.ts";
import type { Run } from "../run.ts";
import { readFilter, type FilterFlags } from "./filter-options.ts";

/** Flags of `ferry rejected list`. */
export interface ListFlags extends FilterFlags {
  readonly state: RejectState;
  readonly limit: string;
  readonly after?: string;
}

/** Lists rejects by reason and then by actor, one page of them. */
export async function listRejected(run: Run, flags: ListFlags): Promise<undefined> {
  const filter = readFilter(flags, Date.now());
  const limit = readCount("--limit", flags.limit);
  const after = flags.after === undefined ? undefined : readPlace(flags.after, flags.reason);
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  let count = 0;
  let last: Reject | undefined;
  for await (const reject of findRejects(store, { state: flags.state, filter, after })) {
    run.signal.throwIfAborted();
    if (count === limit) {
      const { reason = "", actorId } = (last ?? reject).outcome;
      run.notes.say(`There are more: go on with --after ${reason}/${actorId}`);
      return;
    }
    if (count === 0 && !run.json) {
      await run.output.line(row("ACTOR", "REASON", "BYTES", "FINGERPRINT"));
    }
    await run.output.line(run.json ? json(reject) : text(reject));
    count += 1;
    last = reject;
  }
  if (count === 0) {
    await explainNothing(run, store, flags);
  }
  if (!run.json) {
    run.notes.say(`${plural(count, "actor")}.`);
  }
}

/** Where the page before ended: `REASON/ID`, or an id alone with `--reason`. */
function readPlace(text: string, reason: string | undefined): IndexPlace {
  const [first = "", id] = text.split("/");
  if (id !== undefined) {
    return { reason: first, actorId: parseIdArgument(id) };
  }
  if (reason === undefined) {
    throw new UsageError(`--after "${text}" cannot be used: write REASON/ID, as the page before said.`);
  }
  return { reason, actorId: parseIdArgument(first) };
}

/** The outcome as everywhere; the size is v1's, as an outcome knows only that of a whole image. */
function json({ outcome, bytes, fingerprint }: Reject): string {
  return JSON.stringify({ ...outcomeFields(outcome), v1Bytes: bytes, fingerprint });
}

function text({ outcome, bytes, fingerprint }: Reject): string {
  return row(outcome.actorId, outcome.reason ?? "", formatByteSize(bytes), fingerprint);
}

/** 78 columns. */
function row(actor: string, reason: string, bytes: string, fingerprint: string): string {
  return `${actor.padEnd(30)} ${reason.padEnd(24)} ${bytes.padStart(9)} ${fingerprint}`;
}
