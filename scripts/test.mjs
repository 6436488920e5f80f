import { checkMochaArguments } from "./setup/arguments.mjs";
import { ensureDependencies } from "./setup/dependencies.mjs";

/* npm test: everything that has to hold. */

ensureDependencies();
await checkMochaArguments(`npm test: format, lint, types, layer rules, unused code, and every test.
What follows -- goes to mocha:

  npm test -- --grep "a part of a title"`);
const { BUILD, runSteps } = await import("./setup/run-steps.mjs");
await runSteps({
  checks: [
    { name: "lint", command: ["eslint", "."] },
    { name: "format", command: ["prettier", "--check", "--log-level", "warn", "."] },
    BUILD,
    { name: "test types", command: ["tsc", "-p", "test"] },
    { name: "bench types", command: ["tsc", "-p", "bench"] },
    { name: "layers", command: ["depcruise", "--output-type", "err", "src", "workers", "producers", "test"] },
    { name: "unused", command: ["knip"] },
  ],
  // Not in .mocharc.json, which would add them to whatever suites mocha is told to run.
  tests: ["test/**/*.spec.ts", ...process.argv.slice(2)],
});
