import { readFile } from "node:fs/promises";

import { Redis, type RedisOptions as ClientOptions } from "ioredis";

import { UsageError } from "../errors.ts";
import { redactUrl } from "./redact-url.ts";
import { isAuthenticationError, isCertificateError, redisUnavailable } from "./redis-errors.ts";
import type { RedisOptions } from "./redis-options.ts";

/**
 * `worker`: once up, waits for Redis as long as it takes, as BullMQ's blocking reads need.
 * `command`: gives up within seconds, for producers and everything an operator waits for.
 */
type RedisRole = "worker" | "command";

/** The default, in milliseconds. */
const CONNECT_DEADLINE_MS = 5_000;
const COMMAND_TIMEOUT_MS = 15_000;
const MAX_RETRY_DELAY_MS = 1_000;

/** What a client is for, and how long Redis may take to answer the first time. */
export interface OpenRedisSettings {
  readonly role: RedisRole;
  readonly connectDeadlineMs?: number;
}

/**
 * A connected client.
 * @throws UsageError when the URL or the CA file cannot be read.
 * @throws UnavailableError `redis_unreachable`, `redis_auth` or `redis_certificate` when Redis does not serve us within the deadline.
 */
export async function openRedis(options: RedisOptions, settings: OpenRedisSettings): Promise<Redis> {
  const clientOptions = await toClientOptions(options, settings.role);
  const redis = new Redis(options.url, clientOptions);
  let lastError: unknown;
  // Without a listener each of them would end the process.
  redis.on("error", (error: Error) => {
    lastError = error;
  });
  try {
    await untilReady(redis, settings.connectDeadlineMs ?? CONNECT_DEADLINE_MS);
    await selectDatabase(redis);
  } catch (error) {
    redis.disconnect();
    throw redisUnavailable(options.url, lastError ?? error);
  }
  return redis;
}

/**
 * Selects the URL's database once more, to hear whether it is there: after a refusal the client goes on in database 0, where it may meet
 * somebody else's Ferry.
 */
async function selectDatabase(redis: Redis): Promise<void> {
  const { db = 0 } = redis.options;
  if (db !== 0) {
    await redis.select(db);
  }
}

/** Ends a client politely, or at once when Redis does not answer. Never throws. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === "ready") {
    await redis.quit().catch(() => undefined);
  }
  redis.disconnect();
}

async function toClientOptions(options: RedisOptions, role: RedisRole): Promise<ClientOptions> {
  const url = URL.canParse(options.url) ? new URL(options.url) : undefined;
  // Without a host, as of a variable that is not set, the client would take whatever Redis this machine has.
  if (url === undefined || !/^rediss?:$/.test(url.protocol) || url.hostname === "" || !/^\/?\d*$/.test(url.pathname)) {
    throw new UsageError(
      `"${redactUrl(options.url)}" is not a Redis URL; write redis://host:6379 or rediss://host:6379, with /1 behind it for database 1.`,
    );
  }
  const base: ClientOptions = {
    connectTimeout: CONNECT_DEADLINE_MS,
    keepAlive: 10_000,
    retryStrategy: (times) => Math.min(50 * 2 ** Math.min(times, 10), MAX_RETRY_DELAY_MS),
    // After a failover the old primary answers READONLY: connect again, to whatever the name points at now, and resend.
    reconnectOnError: (error) => (error.message.startsWith("READONLY") ? 2 : false),
    ...(options.username === undefined ? {} : { username: options.username }),
    ...(options.password === undefined ? {} : { password: options.password }),
    ...(url.protocol === "rediss:" ? { tls: await readAuthorities(options.caFile) } : {}),
  };
  return role === "worker"
    ? { ...base, maxRetriesPerRequest: null }
    : { ...base, maxRetriesPerRequest: 8, commandTimeout: COMMAND_TIMEOUT_MS };
}

async function readAuthorities(caFile: string | undefined): Promise<{ ca?: Buffer }> {
  if (caFile === undefined) {
    return {};
  }
  try {
    return { ca: await readFile(caFile) };
  } catch (cause) {
    throw new UsageError(`The CA file ${caFile} of Redis cannot be read.`, { cause });
  }
}

function untilReady(redis: Redis, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      finish(new Error("Redis was not ready in time"));
    }, deadlineMs);
    const ready = (): void => {
      finish();
    };
    // Refused credentials stay refused, and a certificate as it is, so there is no point in using up the deadline.
    const failed = (error: Error): void => {
      if (isAuthenticationError(error) || isCertificateError(error)) {
        finish(error);
      }
    };
    redis.on("ready", ready);
    redis.on("error", failed);

    function finish(error?: Error): void {
      clearTimeout(timer);
      redis.off("ready", ready);
      redis.off("error", failed);
      if (error === undefined) {
        resolve();
      } else {
        reject(error);
      }
    }
  });
}
