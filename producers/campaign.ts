import { runFerry } from "../src/cli/run-ferry.ts";

/** Feeds running campaigns' actors to the fleet: `ferry feeder`, configured by its environment. */
process.exitCode = await runFerry(["feeder", ...process.argv.slice(2)]);
