import {
  choiceSetting,
  durationSetting,
  integerSetting,
  sizeSetting,
  textSetting,
  type Parsed,
  type Setting,
} from "./setting.ts";

/** Where `/metrics` listens: a port, 0 for any free one, or nowhere. */
export type MetricsPort = number | "off";

const metricsPort: Setting<MetricsPort> = {
  env: "FERRY_METRICS_PORT",
  flag: "--metrics-port <port>",
  meaning: "Port of /metrics, /healthz and /readyz; 0 takes any free port, off opens none",
  fallback: 9464,
  fallbackText: "9464",
  parse(text): Parsed<MetricsPort> {
    if (text === "off") {
      return { value: "off" };
    }
    // Kubernetes sets such variables for a Service of a fitting name (service links), and means something else by them.
    if (text.startsWith("tcp://")) {
      return { expected: "a port, and set enableServiceLinks: false on the pod, as Kubernetes set this variable" };
    }
    const value = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
    return value <= 65_535 ? { value } : { expected: "a port from 0 to 65535, or off" };
  },
};

/** Everything that can be configured, by the name it has in the code; the README's table is checked against this. */
export const SETTINGS = {
  store: textSetting(
    {
      env: "FERRY_STORE",
      flag: "--store <url>",
      meaning: "The store that holds the actors: lmdb:DIRECTORY, or fdb:CLUSTER_FILE for FoundationDB",
    },
    "lmdb:.ferry/store",
  ),
  redisUrl: textSetting(
    {
      env: "FERRY_REDIS_URL",
      flag: "--redis <url>",
      meaning: "The Redis that holds the queue: redis://host:port, or rediss:// for TLS",
      secret: true,
    },
    "redis://127.0.0.1:6379",
  ),
  redisUsername: textSetting({ env: "FERRY_REDIS_USERNAME", meaning: "Redis user; wins over the URL's" }, undefined),
  redisPassword: textSetting(
    {
      env: "FERRY_REDIS_PASSWORD",
      meaning: "Redis password; wins over the URL's. Use FERRY_REDIS_PASSWORD_FILE, the name of a file that holds it",
      secret: true,
    },
    undefined,
  ),
  redisCaFile: textSetting(
    { env: "FERRY_REDIS_CA_FILE", meaning: "PEM file of the authorities to trust with rediss://" },
    undefined,
  ),
  redisPrefix: textSetting(
    { env: "FERRY_REDIS_PREFIX", meaning: "What all of Ferry's keys in Redis start with" },
    "ferry",
  ),
  logLevel: choiceSetting(
    { env: "FERRY_LOG_LEVEL", flag: "--log-level <level>", meaning: "Least severe log lines to write" },
    ["error", "warn", "info", "debug"],
    "info",
  ),
  logFormat: choiceSetting(
    {
      env: "FERRY_LOG_FORMAT",
      flag: "--log-format <format>",
      meaning: "Form of log lines: json, pretty, or auto (pretty on a terminal)",
    },
    ["auto", "json", "pretty"],
    "auto",
  ),
  user: textSetting(
    { env: "FERRY_USER", meaning: "Who is at work, for the history of campaigns; else the user of the process" },
    undefined,
  ),
  revision: textSetting(
    {
      env: "FERRY_REVISION",
      meaning: "Commit that this Ferry was built of, as `ferry_build_info` shows it; an image has its own",
    },
    undefined,
  ),
  concurrency: integerSetting(
    { env: "FERRY_CONCURRENCY", flag: "--concurrency <n>", meaning: "Actors a worker migrates at once" },
    { min: 1, max: 256 },
    4,
  ),
  drainTimeoutMs: durationSetting(
    {
      env: "FERRY_DRAIN_TIMEOUT",
      flag: "--drain-timeout <duration>",
      meaning: "How long a worker that is told to stop lets running actors finish before it hands them back",
    },
    { min: "0s", max: "24h" },
    "60s",
  ),
  metricsHost: textSetting(
    { env: "FERRY_METRICS_HOST", flag: "--metrics-host <host>", meaning: "Address of /metrics, /healthz and /readyz" },
    "127.0.0.1",
  ),
  metricsPort,
  target: choiceSetting(
    {
      env: "FERRY_TARGET",
      flag: "--target <target>",
      meaning:
        "The form of v2 to write: storage; depot, which engines from 2.3.0 on read; or auto, the one the cluster holds",
    },
    ["storage", "depot", "auto"],
    "storage",
  ),
  runnersDrained: choiceSetting(
    {
      env: "FERRY_RUNNERS_DRAINED",
      flag: "--runners-drained <yes|no>",
      meaning: "With target depot: whether no runner of before engine 2.3 can start an actor any more; see pool_on_v1",
    },
    ["yes", "no"],
    "no",
  ),
  namespace: textSetting(
    {
      env: "FERRY_NAMESPACE",
      flag: "--namespace <id>",
      meaning:
        "With target depot: the id of the namespace of actors that have no NAMESPACE_ID row; that row always wins",
    },
    undefined,
  ),
  maxPages: integerSetting(
    {
      env: "FERRY_MAX_PAGES",
      flag: "--max-pages <n>",
      meaning: "With target depot: databases of more pages (4 KiB each) are rejected as too_many_pages",
    },
    { min: 1, max: 2_621_440 },
    262_144,
  ),
  protocolSettleMs: durationSetting(
    {
      env: "FERRY_PROTOCOL_SETTLE",
      flag: "--protocol-settle <duration>",
      meaning:
        "With target depot: how long a pool's PROTOCOL_VERSION must have been seen, as engines cache it for 5 s; see pool_on_v1",
    },
    { min: "6s", max: "1h" },
    "10s",
  ),
  layout: choiceSetting(
    {
      env: "FERRY_LAYOUT",
      flag: "--layout <layout>",
      meaning:
        "How v2 holds an image: delta, as the engine's migration writes it, or shards, as its compaction leaves it",
    },
    ["delta", "shards"],
    "shards",
  ),
  check: choiceSetting(
    {
      env: "FERRY_CHECK",
      flag: "--check <level>",
      meaning:
        "How far an image is checked before it is migrated: its header, or its pages by SQLite, quick or in full",
    },
    ["header", "quick", "full"],
    "header",
  ),
  verify: choiceSetting(
    {
      env: "FERRY_VERIFY",
      flag: "--verify <on|off>",
      meaning: "Whether new rows are read back and compared with the source before the switch to v2",
    },
    ["on", "off"],
    "on",
  ),
  journal: choiceSetting(
    {
      env: "FERRY_JOURNAL",
      flag: "--journal <how>",
      meaning: "An actor with a rollback journal: reject it, or roll it back as SQLite would",
    },
    ["reject", "rollback"],
    "reject",
  ),
  sidecars: choiceSetting(
    {
      env: "FERRY_SIDECARS",
      flag: "--sidecars <how>",
      meaning: "An actor with a WAL or SHM that carries no data: reject it, or tolerate them",
    },
    ["reject", "tolerate"],
    "reject",
  ),
  wal: choiceSetting(
    {
      env: "FERRY_WAL",
      flag: "--wal <how>",
      meaning: "An actor with a WAL that carries data: reject it, or apply it as SQLite would",
    },
    ["reject", "apply"],
    "reject",
  ),
  maxBytes: sizeSetting(
    { env: "FERRY_MAX_BYTES", flag: "--max-bytes <size>", meaning: "Larger images are rejected as too_large" },
    { min: "0B", max: "1TiB" },
    "10GiB",
  ),
  smallBytes: sizeSetting(
    {
      env: "FERRY_SMALL_BYTES",
      flag: "--small-bytes <size>",
      meaning: "Images up to this size are migrated in one transaction",
    },
    { min: "0B", max: "1MiB" },
    "1MiB",
  ),
  leaseMs: durationSetting(
    {
      env: "FERRY_LEASE",
      flag: "--lease <duration>",
      meaning: "How long an attempt on a large actor is safe from others without a sign of life",
    },
    { min: "1s", max: "1h" },
    "60s",
  ),
  lockMs: durationSetting(
    {
      env: "FERRY_LOCK",
      flag: "--lock <duration>",
      meaning:
        "How long a job is safe from other workers without a sign of life; a killed worker's jobs come back after it",
    },
    { min: "1s", max: "10m" },
    "30s",
  ),
  window: integerSetting(
    { env: "FERRY_WINDOW", flag: "--window <n>", meaning: "Most jobs that producers leave waiting in Redis" },
    { min: 1, max: 1_000_000 },
    5_000,
  ),
} as const;

export type SettingName = keyof typeof SETTINGS;
