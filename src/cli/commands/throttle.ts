import type { Command } from "commander";
import { changeFleetLimits, readFleetLimits, type FleetLimits } from "../../campaign/fleet/fleet-limits.ts";
import { UsageError } from "../../errors.ts";
import { addReason, authorOf, type ReasonFlag } from "../campaign/author.ts";
import { addLimits, readLimits, type LimitFlags } from "../campaign/limit-options.ts";
import { fleetLimitsText } from "../campaign/settings-text.ts";
import type { Run, Runner } from "../run.ts";

/** `ferry throttle`: limits for the whole fleet, whatever campaign it works for. */
export function registerThrottle(program: Command, runner: Runner): void {
  const throttle = program.command("throttle").description("limits for all campaigns together, live");
  throttle
    .command("get")
    .description("the limits in force")
    .action((_flags: object, self: Command) => runner.run(self, show));
  const set = throttle.command("set").description("set limits; those that are not named stay as they are");
  addReason(addLimits(set, { withEnd: true })).action((flags: LimitFlags & ReasonFlag, self: Command) =>
    runner.run(self, (run) => change(run, flags)),
  );
  addReason(throttle.command("clear").description("lift all limits")).action((flags: ReasonFlag, self: Command) =>
    runner.run(self, (run) => clear(run, flags)),
  );
  throttle.addHelpText(
    "after",
    `
  ferry throttle set --rate 50 --bytes-rate 20MiB --for 2h --reason-text backup
  ferry throttle clear`,
  );
}

async function show(run: Run): Promise<undefined> {
  const store = await run.openStore({ readOnly: true });
  await say(run, await store.transact(async (tx) => readFleetLimits(tx, Date.now()), { label: "fleet" }));
}

async function change(run: Run, flags: LimitFlags & ReasonFlag): Promise<undefined> {
  const nowMs = Date.now();
  const { ratesUntilMs: untilMs, ...limits } = readLimits(flags, nowMs);
  if (Object.keys(limits).length === 0) {
    throw new UsageError("Nothing to set: give --rate, --bytes-rate or --concurrent.");
  }
  const store = await run.openStore();
  await say(run, await changeFleetLimits(store, { ...limits, untilMs }, authorOf(run, flags), nowMs));
}

async function clear(run: Run, flags: ReasonFlag): Promise<undefined> {
  await say(run, await changeFleetLimits(await run.openStore(), "clear", authorOf(run, flags), Date.now()));
}

async function say(run: Run, limits: FleetLimits): Promise<void> {
  await run.output.line(run.json ? JSON.stringify(limits) : fleetLimitsText(limits, Date.now()));
}
