import { runFerry } from "../src/cli/run-ferry.ts";

/** Asks rejected or failed actors again: `ferry requeue`, configured by its environment and arguments. */
process.exitCode = await runFerry(["requeue", ...process.argv.slice(2)]);
