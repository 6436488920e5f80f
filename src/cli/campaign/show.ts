import { readCampaignHistory } from "../../campaign/campaign-history.ts";
import { listCampaigns } from "../../campaign/campaign-store.ts";
import { explainCampaign } from "../../campaign/explain/explain-campaign.ts";
import type { Explanation } from "../../campaign/explain/explanation.ts";
import type { QueueLook } from "../../campaign/explain/queue-finding.ts";
import { needsQueue } from "../../campaign/progress/obstacle.ts";
import { findView, readView, type CampaignView } from "../../campaign/progress/view.ts";
import { UnavailableError } from "../../errors.ts";
import { describeError } from "../describe-error.ts";
import { EXIT, type ExitStatus } from "../exit-status.ts";
import type { Run } from "../run.ts";
import { progressText } from "./progress-text.ts";
import { showText, timeText } from "./show-text.ts";
import { tableLines } from "./table.ts";

/** A campaign in JSON: the same for `show`, `watch` and `wait`. Times are ms since the epoch. */
export function viewJson(view: CampaignView): string {
  const { campaign, progress, counts, workers, fleet, feeding, atMs } = view;
  const slots = workers.map(({ workerId, concurrency, limit, throttledBecause, inFlight }) => ({
    workerId,
    concurrency,
    limit,
    throttledBecause,
    inFlight: inFlight[campaign.name] ?? 0,
  }));
  return JSON.stringify({ atMs, ...campaign, progress, counts, workers: slots, fleet, feeding });
}

/** `ferry campaign list`. */
export async function listAll(run: Run): Promise<undefined> {
  const store = await run.openStore({ readOnly: true });
  const campaigns = await listCampaigns(store);
  if (campaigns.length === 0 && !run.json) {
    run.notes.say("There are no campaigns: ferry campaign create makes one.");
    return;
  }
  const rows = [];
  for (const campaign of campaigns) {
    const view = await findView(store, campaign, Date.now());
    if (view === undefined) {
      continue;
    }
    if (run.json) {
      await run.output.line(viewJson(view));
      continue;
    }
    const { name, state, createdAtMs, spec } = view.campaign;
    // A line must fit in 80 columns: show has the rest of the source, history who created it and when.
    rows.push([name, state, progressText(view.progress), timeText(createdAtMs).slice(0, 10), spec.source.kind]);
  }
  const titles = ["NAME", "STATE", "PROGRESS", "CREATED", "SOURCE"];
  if (!run.json) {
    await run.output.lines(
      tableLines(
        titles.map((title) => ({ title })),
        rows,
      ),
    );
  }
}

/** `ferry campaign show`. */
export async function showOne(run: Run, name: string): Promise<undefined> {
  const store = await run.openStore({ readOnly: true });
  const view = await readView(store, name, Date.now());
  await run.output.lines(run.json ? [viewJson(view)] : showText(view));
}

/** `ferry campaign explain`; 3 when it is the queue, and it cannot be used from here either. */
export async function explainOne(run: Run, name: string): Promise<ExitStatus> {
  const store = await run.openStore({ readOnly: true });
  let view = await readView(store, name, Date.now());
  const look = needsQueue(view) ? await lookAtQueue(run) : undefined;
  const trouble = look?.kind === "unreachable" ? look.because : undefined;
  if (trouble !== undefined) {
    // That took seconds, in which workers may have told more.
    view = await readView(store, name, Date.now());
  }
  const explanation = explainCampaign(view, look);
  const isQueue = explanation.limit === "queue";
  if (trouble !== undefined && !isQueue) {
    run.notes.say(`Not seen from here: the queue. ${trouble}`);
  }
  await sayExplanation(run, name, explanation);
  return trouble !== undefined && isQueue ? EXIT.unavailable : EXIT.done;
}

/** What is on the queue, or why it cannot be used from here. */
async function lookAtQueue(run: Run): Promise<QueueLook> {
  try {
    const queue = await run.openQueue();
    // One that is full answers whoever only reads.
    await queue.probeWrite();
    const { waiting, active, delayed } = await queue.counts();
    return { kind: "seen", waiting, active, delayed, connected: await queue.connectedWorkers() };
  } catch (error) {
    if (error instanceof UnavailableError) {
      return { kind: "unreachable", because: describeError(error), answers: error.code !== "redis_unreachable" };
    }
    throw error;
  }
}

async function sayExplanation(run: Run, name: string, explanation: Explanation): Promise<void> {
  if (run.json) {
    await run.output.line(JSON.stringify({ name, ...explanation }));
    return;
  }
  const { sentence, advice, attribution, attributionOf } = explanation;
  const shares = attribution.map(({ name: activity, percent }) => `${activity} ${percent} %`).join(", ");
  await run.output.lines([
    sentence,
    shares === "" ? "Workers have spent no time yet." : `Workers' time in ${attributionOf}: ${shares}.`,
    advice,
  ]);
}

/** `ferry campaign history`. */
export async function showHistory(run: Run, name: string): Promise<undefined> {
  const store = await run.openStore({ readOnly: true });
  for (const entry of await readCampaignHistory(store, name)) {
    const { atMs, who, what, reason, before, after } = entry;
    const change = [before, after].filter((value) => value !== undefined).map((value) => textOf(value));
    const why = reason === undefined ? "" : `(${reason})`;
    const cells = [timeText(atMs), who, what, change.join(" → "), why];
    await run.output.line(run.json ? JSON.stringify(entry) : cells.filter((cell) => cell !== "").join("  "));
  }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
