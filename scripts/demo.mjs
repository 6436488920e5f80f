import { checkArguments } from "./setup/arguments.mjs";
import { ensureDependencies } from "./setup/dependencies.mjs";

checkArguments(`npm run demo: real databases in as v1, through the queue and two workers, and out of v2 again, each step with its ferry
command. It takes no arguments; what it starts lies in a temporary folder and ends with it.`);
ensureDependencies();
await import("./demo/main.mjs");
