/**
 * Layer rules. Each layer lists what it may import inside src/; everything else is an error.
 * Type-only imports count too (tsPreCompilationDeps), so a layer cannot lean upwards "just for a type".
 */
const MAY_IMPORT = {
  formats: [],
  store: ["formats"],
  migration: ["store", "formats"],
  campaign: ["migration", "store", "formats"],
  queue: ["campaign", "migration", "store", "formats"],
  telemetry: ["queue", "campaign", "migration", "store", "formats"],
  config: [],
  cli: ["config", "telemetry", "queue", "campaign", "migration", "store", "formats"],
};

const layerRules = Object.entries(MAY_IMPORT).map(([layer, allowed]) => ({
  name: `layer-${layer}`,
  comment: `src/${layer} may import only ${allowed.join(", ") || "nothing else in src"}. Declare a port here and implement it in an outer layer.`,
  severity: "error",
  from: { path: `^src/${layer}/` },
  to: { path: "^src/", pathNot: [`^src/(${[layer, ...allowed].join("|")})/`, "^src/errors"] },
}));

const onlyIn = (name, target, owner, comment) => ({
  name,
  comment,
  severity: "error",
  from: { pathNot: [owner, "^test/"] },
  to: { path: target },
});

/** @type {import('dependency-cruiser').IConfiguration} */
export default {
  forbidden: [
    ...layerRules,
    {
      name: "no-circular",
      comment: "Extract the shared part downwards.",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "formats-are-pure",
      comment: "Bytes in, bytes out: no I/O and no clock. Codec packages (lz4, tuple, BARE) are fine.",
      severity: "error",
      from: { path: "^src/formats/" },
      to: { dependencyTypes: ["core"], path: "^(node:)?(fs|net|http|https|child_process|timers|worker_threads)" },
    },
    onlyIn(
      "only-store-fdb",
      "node_modules/foundationdb",
      "^src/store/",
      "FoundationDB stays behind the store interface.",
    ),
    onlyIn("only-queue-bullmq", "node_modules/bullmq", "^src/queue/", "BullMQ stays in the queue layer."),
    onlyIn(
      "only-telemetry-log-metrics",
      "node_modules/(winston|prom-client)",
      "^src/telemetry/",
      "Take a logger or a meter as an argument.",
    ),
    {
      name: "not-to-test",
      comment: "Production code never imports tests; benchmarks use their servers and actors.",
      severity: "error",
      from: { pathNot: "^(test|bench)/" },
      to: { path: "^test/" },
    },
    {
      name: "src-not-to-entry",
      comment: "Entry points are leaves.",
      severity: "error",
      from: { path: "^src/" },
      to: { path: "^(workers|producers)/" },
    },
    { name: "not-to-unresolvable", severity: "error", from: {}, to: { couldNotResolve: true } },
    {
      name: "not-to-dev-dep",
      severity: "error",
      from: { path: "^(src|workers|producers)/" },
      to: { dependencyTypes: ["npm-dev"], dependencyTypesNot: ["type-only"] },
    },
    { name: "no-orphans", severity: "error", from: { orphan: true, path: "^src/" }, to: {} },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: [".ts", ".js", ".json"],
      conditionNames: ["module-sync", "import", "node", "default", "types"],
      exportsFields: ["exports"],
    },
  },
};
