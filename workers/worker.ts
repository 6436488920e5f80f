import { runFerry } from "../src/cli/run-ferry.ts";

/** A worker of the fleet: `ferry worker`, configured by its environment. */
process.exitCode = await runFerry(["worker", ...process.argv.slice(2)]);
