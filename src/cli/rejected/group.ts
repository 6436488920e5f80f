import { plural } from "../../campaign/plural.ts";
import { groupRejects } from "../../campaign/rejects/rejects-groups.ts";
import { findRejects, type RejectState } from "../../campaign/rejects/rejects.ts";
import { formatByteSize } from "../../config/byte-size.ts";
import { explainNothing } from "../nothing-found.ts";
import type { Run } from "../run.ts";
import { wrapped } from "../wrap-prose.ts";
import { readFilter, type FilterFlags } from "./filter-options.ts";

/** How much of a detail a person needs to tell groups apart. */
const DETAIL_CHARACTERS = 150;
/** Of the lines below a group's first one: with it they have 80 columns. */
const INDENT = " ".repeat(11);

/** Shows rejects by cause, most actors first. */
export async function groupRejected(
  run: Run,
  flags: FilterFlags & { readonly state: RejectState },
): Promise<undefined> {
  const filter = readFilter(flags, Date.now());
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const groups = await groupRejects(findRejects(store, { state: flags.state, filter }));
  for (const group of groups) {
    if (run.json) {
      await run.output.line(JSON.stringify(group));
      continue;
    }
    const { reason, fingerprint, actors, bytes, detail, example } = group;
    const shown = detail.length > DETAIL_CHARACTERS ? `${detail.slice(0, DETAIL_CHARACTERS)}…` : detail;
    const lines = [
      `${String(actors).padStart(9)}  ${reason}  ${fingerprint}  ${formatByteSize(bytes)}`,
      ...wrapped(shown.split(" "), 80 - INDENT.length).map((line) => `${INDENT}${line}`),
      `${INDENT}for example ${example}`,
    ];
    await run.output.line(lines.join("\n"));
  }
  if (groups.length === 0) {
    await explainNothing(run, store, flags);
  }
  if (!run.json) {
    const actors = groups.reduce((sum, group) => sum + group.actors, 0);
    run.notes.say(`${plural(actors, "actor")} in ${plural(groups.length, "group")}.`);
  }
}
