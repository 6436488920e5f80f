import { ensureDependencies } from "./setup/dependencies.mjs";

ensureDependencies();
await import("./demo/main.mjs");
