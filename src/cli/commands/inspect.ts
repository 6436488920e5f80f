import type { Command } from "commander";
import { bigintAsText } from "../../campaign/row-texts.ts";
import { UsageError } from "../../errors.ts";
import { inspectActor } from "../inspect/actor-inspection.ts";
import { inspectBundle } from "../inspect/bundle-inspection.ts";
import { describeInspection } from "../inspect/describe-inspection.ts";
import { parseIdArgument } from "../ids.ts";
import type { Run, Runner } from "../run.ts";
import { addSettings } from "../setting-options.ts";
import { depotOptionsOfActor } from "../targets/targets-of-actors.ts";

interface InspectFlags {
  readonly bundle?: string;
}

/** `ferry inspect`. */
export function registerInspect(program: Command, runner: Runner): void {
  const command = program
    .command("inspect")
    .description("what v1, v2, lease and ledger say of one actor, or what an evidence bundle holds")
    .argument("[id]", "actor id")
    .option("--bundle <file>", "an evidence bundle of ferry rejected export, or - for standard input")
    .action((idText: string | undefined, { bundle }: InspectFlags, self: Command) =>
      runner.run(self, async (run) => {
        if ((idText === undefined) === (bundle === undefined)) {
          throw new UsageError("Say what to inspect: an actor id, or --bundle FILE.");
        }
        await (bundle === undefined ? inspect(run, idText ?? "") : inspectBundle(run, bundle));
        return undefined;
      }),
    );
  addSettings(command, "namespace", "runnersDrained");
}

async function inspect(run: Run, idText: string): Promise<void> {
  const id = parseIdArgument(idText);
  const store = await run.openStore({ readOnly: true });
  const found = await inspectActor(store, id, await depotOptionsOfActor(run.config, store, id), run.signal);
  await run.output.line(run.json ? JSON.stringify(found, bigintAsText) : describeInspection(found));
}
