import { runFerry } from "./run-ferry.ts";

process.exitCode = await runFerry(process.argv.slice(2));
