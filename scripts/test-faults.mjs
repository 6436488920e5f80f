import { checkMochaArguments } from "./setup/arguments.mjs";
import { ensureDependencies } from "./setup/dependencies.mjs";

/* npm run test:faults: the long form of the suites in which things go wrong. docs/faults.md says what they are and how to run a part. */

ensureDependencies();
await checkMochaArguments(`npm run test:faults: the long form of the suites in which things go wrong, half an hour; docs/faults.md is about them.
What follows -- goes to mocha; the environment says the rest:

  npm run test:faults -- --grep Depot
  FERRY_TEST_SEED=7 npm run test:faults`);
const { BUILD, runSteps } = await import("./setup/run-steps.mjs");
await runSteps({
  checks: [BUILD],
  tests: ["--config", ".mocharc.faults.json", ...process.argv.slice(2)],
  environment: { FERRY_TEST_LONG: "1" },
});
