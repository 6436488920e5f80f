import { auditCampaign } from "../../campaign/audit.ts";
import { plural } from "../../campaign/plural.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import type { Run } from "../run.ts";
import { tableLines } from "./table.ts";

/** `ferry campaign audit`: 1 when the kept counts and the recount differ and nothing moved meanwhile. */
export async function auditOne(run: Run, name: string): Promise<ExitStatus> {
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const audit = await auditCampaign(store, name);
  const { actors, moving, differences } = audit;
  const status = differences.length > 0 && !moving ? EXIT.rejected : EXIT.done;
  if (run.json) {
    await run.output.line(JSON.stringify({ name, agrees: differences.length === 0, ...audit }));
    return status;
  }
  if (differences.length === 0) {
    await run.output.line(`campaign ${name}: ${plural(actors, "actor")} recounted, and all counts agree`);
    return status;
  }
  await run.output.lines([
    `campaign ${name}: ${plural(actors, "actor")} recounted, ${differences.length} counts differ`,
    ...tableLines(
      [
        { title: "STATE" },
        { title: "REASON" },
        { title: "OF" },
        { title: "KEPT", right: true },
        { title: "COUNTED", right: true },
      ],
      differences.map(({ state, reason, kind, kept, counted }) => [state, reason, kind, String(kept), String(counted)]),
    ),
  ]);
  run.notes.say(
    moving
      ? "Actors moved while they were counted, so this proves nothing: pause the campaign and audit again."
      : "Nothing moved meanwhile: see docs/runbooks/alert-ledger-drift.md. If no row was restored or edited, this is a bug in Ferry: report it.",
  );
  return status;
}
