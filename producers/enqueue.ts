import { runFerry } from "../src/cli/run-ferry.ts";

/** Feeds the fleet: `ferry enqueue`, configured by its environment and arguments. */
process.exitCode = await runFerry(["enqueue", ...process.argv.slice(2)]);
