import type { Redis } from "ioredis";

import { UnavailableError } from "../errors.ts";
import { redactUrl } from "./redact-url.ts";
import { redisReadOnly, redisUnavailable } from "./redis-errors.ts";
import type { RedisOptions } from "./redis-options.ts";

/** Oldest server with everything the queue's scripts call (LPOS, reliable fractional blocking); also what BullMQ recommends. */
const MINIMUM_VERSION = "6.2.0";

/** What Redis says of itself. `evictionPolicy` is `unknown` where a managed service hides it. */
export interface RedisFacts {
  readonly version: string;
  readonly evictionPolicy: string;
  readonly usedBytes: number;
  /** 0: no limit of its own. */
  readonly maxBytes: number;
  /** A replica answers reads, and takes no writes. */
  readonly isReplica: boolean;
}

/** Reads `RedisFacts`; one command, two where INFO does not name the eviction policy. */
export async function readRedisFacts(redis: Redis): Promise<RedisFacts> {
  const info = parseInfo(await redis.info());
  return {
    version: info.get("valkey_version") ?? info.get("redis_version") ?? "unknown",
    evictionPolicy: info.get("maxmemory_policy") ?? (await configuredPolicy(redis)),
    usedBytes: Number(info.get("used_memory") ?? 0),
    maxBytes: Number(info.get("maxmemory") ?? 0),
    isReplica: info.get("role") === "slave",
  };
}

/**
 * Refuses a Redis that could lose jobs: one that evicts keys would drop locks, jobs and deduplication keys one by one. And a replica, on
 * which a worker would see a queue without being able to take from it.
 * Returns what Redis says of itself; with `evictionPolicy: "unknown"` the caller warns, as nothing can be checked.
 * @throws UnavailableError `redis_evicts`, `redis_too_old`, `redis_read_only`; or the error of an unreachable Redis.
 */
export async function assertRedisFit(redis: Redis, options: RedisOptions): Promise<RedisFacts> {
  const place = redactUrl(options.url);
  const facts = await readRedisFacts(redis).catch((error: unknown) => {
    throw redisUnavailable(options.url, error);
  });
  if (facts.isReplica) {
    throw redisReadOnly(options.url);
  }
  if (facts.version !== "unknown" && isOlder(facts.version, MINIMUM_VERSION)) {
    throw new UnavailableError(
      "redis_too_old",
      `Redis at ${place} is version ${facts.version}; the queue needs ${MINIMUM_VERSION} or newer.`,
      { details: { ...facts } },
    );
  }
  if (facts.evictionPolicy !== "noeviction" && facts.evictionPolicy !== "unknown") {
    throw new UnavailableError(
      "redis_evicts",
      `Redis at ${place} may evict jobs (maxmemory-policy ${facts.evictionPolicy}): run ` +
        `\`${cliCommand(options)} CONFIG SET maxmemory-policy noeviction\` and keep it in its configuration.`,
      { details: { ...facts } },
    );
  }
  return facts;
}

async function configuredPolicy(redis: Redis): Promise<string> {
  try {
    const reply = (await redis.config("GET", "maxmemory-policy")) as string[];
    return reply[1] ?? "unknown";
  } catch {
    return "unknown";
  }
}

function cliCommand(options: RedisOptions): string {
  const url = new URL(options.url);
  const user = options.username ?? url.username;
  const password = options.password ?? url.password;
  return [
    `redis-cli -h ${url.hostname === "" ? "127.0.0.1" : url.hostname} -p ${url.port === "" ? "6379" : url.port}`,
    ...(url.protocol === "rediss:" ? ["--tls"] : []),
    ...(user === "" ? [] : [`--user ${user}`]),
    ...(password === "" ? [] : ["--askpass"]),
  ].join(" ");
}

function parseInfo(text: string): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(":");
    if (colon > 0) {
      fields.set(line.slice(0, colon), line.slice(colon + 1));
    }
  }
  return fields;
}

function isOlder(version: string, minimum: string): boolean {
  const [left, right] = [version, minimum].map((text) => text.split(".").map((part) => Number.parseInt(part, 10)));
  for (let index = 0; index < 3; index += 1) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0);
    if (difference !== 0) {
      return difference < 0;
    }
  }
  return false;
}
