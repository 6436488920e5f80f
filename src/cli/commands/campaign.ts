import type { Command } from "commander";
import type { ExitStatus } from "../exit-status.ts";
import { addReason } from "../campaign/author.ts";
import type { CreateFlags } from "../campaign/create.ts";
import type { DeleteFlags } from "../campaign/delete.ts";
import { addLimits } from "../campaign/limit-options.ts";
import type { PlanFlags } from "../campaign/plan.ts";
import type { SetFlags } from "../campaign/set.ts";
import type { VerbFlags } from "../campaign/verbs.ts";
import { addSource, addSpec, JOB_FLAGS } from "../campaign/spec-options.ts";
import type { Run, Runner } from "../run.ts";
import { addJobSettings, addSettings } from "../setting-options.ts";

/** `ferry campaign`: each command's work is loaded when it is asked for. */
export function registerCampaign(program: Command, runner: Runner): void {
  const campaign = program
    .command("campaign")
    .description("migrate many actors: plan, run, watch, pause, resume, report");
  registerCreate(campaign, runner);
  registerPlan(campaign, runner);
  registerVerbs(campaign, runner);
  registerSet(campaign, runner);
  registerViews(campaign, runner);
  campaign.addHelpText("after", HELP);
}

const HELP = `
A campaign needs a feeder (ferry feeder) and workers (ferry worker); both may come and go at will.

  ferry campaign create spring --scan --layout shards
  ferry campaign plan spring --save
  ferry campaign start spring
  ferry campaign watch spring
  ferry campaign report spring --html spring.html`;

const DELETE_HELP = `
ferry verify, rollback and cleanup with --campaign end with it; they go on with the actors' ids, which ferry outcomes --state migrated lists.`;

/** Makes the action of a command whose first argument is a campaign's name. */
function named<F>(runner: Runner, body: (run: Run, name: string, flags: F) => Promise<ExitStatus | undefined>) {
  return (name: string, flags: F, self: Command): Promise<void> => runner.run(self, (run) => body(run, name, flags));
}

function registerCreate(campaign: Command, runner: Runner): void {
  const create = campaign
    .command("create")
    .description("create a campaign; its specification stays as it is from then on")
    .argument("<name>", "1 to 40 lower-case letters, digits and hyphens");
  addSource(create);
  addJobSettings(addSettings(create, "target"), ...JOB_FLAGS);
  addSpec(create);
  addSettings(create, "window");
  addLimits(create, { withEnd: true });
  addReason(create)
    .option("--start", "start it at once")
    .action(
      named(runner, async (run, name, flags: CreateFlags) => {
        const { createNew } = await import("../campaign/create.ts");
        return createNew(run, name, flags);
      }),
    );
}

function registerPlan(campaign: Command, runner: Runner): void {
  const plan = campaign
    .command("plan")
    .description("read and check actors as a migration would, write nothing, and predict what a campaign comes to")
    .argument("[name]", "a campaign that was created; else give its source");
  // A plan reads and checks here, so that what this process is configured for holds.
  addSettings(addSource(plan), "target", ...JOB_FLAGS)
    .option("--sample <percent>", "how many of the actors to examine (default 2%, and some hundred of each size class)")
    .option("--full", "examine every actor")
    .option("--workers <n>", "predict the duration with so many workers (default 1)")
    .option("--save", "keep the plan with the campaign, for its report to compare with");
  addSettings(plan, "concurrency", "runnersDrained").action(
    (name: string | undefined, flags: PlanFlags, self: Command) =>
      runner.run(self, async (run) => {
        const { planOne } = await import("../campaign/plan.ts");
        return planOne(run, name, flags);
      }),
  );
}

function registerVerbs(campaign: Command, runner: Runner): void {
  const verbs = [
    ["start", "start a campaign that was created"],
    ["pause", "feed no more actors; those under way are finished"],
    ["resume", "go on with a paused campaign"],
    ["cancel", "end a campaign; those under way are finished, the rest stays undone"],
  ] as const;
  for (const [verb, description] of verbs) {
    const command = campaign.command(verb).description(description).argument("<name>");
    if (verb === "pause" || verb === "cancel") {
      command.option("--wait", "wait until nothing of it is in flight");
    }
    addReason(command).action(
      named(runner, async (run, name, flags: VerbFlags) => {
        const { changeState } = await import("../campaign/verbs.ts");
        return changeState(run, name, verb, flags);
      }),
    );
  }
}

function registerSet(campaign: Command, runner: Runner): void {
  const set = campaign
    .command("set")
    .description("change its window and limits, live; all else is frozen")
    .argument("<name>");
  addSettings(set, "window");
  addReason(addLimits(set, { withEnd: true })).action(
    named(runner, async (run, name, flags: SetFlags) => {
      const { setSettings } = await import("../campaign/set.ts");
      return setSettings(run, name, flags);
    }),
  );
}

function registerViews(campaign: Command, runner: Runner): void {
  campaign
    .command("list")
    .description("all campaigns")
    .action((_flags: object, self: Command) =>
      runner.run(self, async (run) => (await import("../campaign/show.ts")).listAll(run)),
    );
  const view = (name: string, description: string): Command =>
    campaign.command(name).description(description).argument("<name>");
  view("show", "where it stands").action(
    named(runner, async (run, name) => (await import("../campaign/show.ts")).showOne(run, name)),
  );
  view("watch", "the same, live; Ctrl-C ends the watching and not the campaign").action(
    named(runner, async (run, name) => (await import("../campaign/watch.ts")).watchOne(run, name)),
  );
  view("wait", "wait until it is over; the exit status is 1 when it left any actor behind")
    .option("--timeout <duration>", "wait no longer than this; then the exit status is 1")
    .action(
      named(runner, async (run, name, flags: { timeout?: string }) =>
        (await import("../campaign/wait.ts")).waitFor(run, name, flags),
      ),
    );
  view("explain", "what limits it now, where workers' time goes, and the one setting to turn").action(
    named(runner, async (run, name) => (await import("../campaign/show.ts")).explainOne(run, name)),
  );
  view("report", "what came of it, with distributions, rejects and the slowest actors")
    .option("--html <file>", "as one self-contained HTML file with charts; - for standard output")
    .action(
      named(runner, async (run, name, flags: { html?: string }) =>
        (await import("../campaign/report.ts")).reportOne(run, name, flags),
      ),
    );
  view("history", "who changed what, when and why").action(
    named(runner, async (run, name) => (await import("../campaign/show.ts")).showHistory(run, name)),
  );
  view("audit", "recount its actors and compare with the counts that were kept").action(
    named(runner, async (run, name) => (await import("../campaign/audit.ts")).auditOne(run, name)),
  );
  view("delete", "forget a campaign that is over or was never started; the ledger keeps its actors' outcomes")
    .option("--confirm <name>", "the campaign's name, where it migrated actors and nobody can be asked")
    .action(
      named(runner, async (run, name, flags: DeleteFlags) =>
        (await import("../campaign/delete.ts")).deleteOne(run, name, flags),
      ),
    )
    .addHelpText("after", DELETE_HELP);
}
