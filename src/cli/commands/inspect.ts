import type { Command } from "commander";
import { inspectActor } from "../inspect/actor-inspection.ts";
import { describeInspection } from "../inspect/describe-inspection.ts";
import { parseIdArgument } from "../ids.ts";
import type { Runner } from "../run.ts";

/** `ferry inspect`. */
export function registerInspect(program: Command, runner: Runner): void {
  program
    .command("inspect")
    .description("what v1, v2, lease and ledger say of one actor")
    .argument("<id>", "actor id")
    .action((idText: string, _flags: unknown, command: Command) =>
      runner.run(command, async (run) => {
        const id = parseIdArgument(idText);
        const store = await run.openStore({ readOnly: true });
        const found = await inspectActor(store, id, run.signal);
        await run.output.line(run.json ? JSON.stringify(found, bigintAsText) : describeInspection(found));
        return undefined;
      }),
    );
}

/** 64-bit fields are texts in JSON: numbers lose digits in most readers. */
function bigintAsText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? value.toString() : value;
}
