import { ensureDependencies } from "./setup/dependencies.mjs";

/* npm test: everything that has to hold. */

ensureDependencies();
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
