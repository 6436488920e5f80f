import { makeReport } from "../../campaign/report/report.ts";
import { STANDARD } from "../files.ts";
import { readRunbook } from "../runbooks.ts";
import type { Run } from "../run.ts";
import { writeWholeFile } from "../whole-file.ts";
import { reportText } from "./report-text.ts";

/** `ferry campaign report`: on standard output, or as one HTML file that needs nothing else. */
export async function reportOne(run: Run, name: string, flags: { html?: string }): Promise<undefined> {
  const store = await run.openStore({ readOnly: true, priority: "batch" });
  const report = await makeReport(store, name, Date.now());
  if (flags.html === undefined) {
    await run.output.lines(run.json ? [JSON.stringify(report)] : reportText(report));
    return;
  }
  // The charts' library takes half a second to load.
  const { reportHtml } = await import("./html/report-html.ts");
  const html = reportHtml(report, readRunbook);
  if (flags.html === STANDARD) {
    await run.output.text(html);
    return;
  }
  // Anybody's to read, as what an editor saves: it is to be shown around.
  await writeWholeFile(flags.html, [html], { mode: 0o666 });
  if (run.json) {
    await run.output.line(JSON.stringify(report));
  } else {
    run.notes.say(`Report written to ${flags.html}.`);
  }
}
