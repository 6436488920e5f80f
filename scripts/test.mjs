import { ensureDependencies } from "./setup/dependencies.mjs";

ensureDependencies();
await import("./setup/run-checks.mjs");
