import type { Config } from "../config/config.ts";
import type { RedisOptions } from "../queue/redis-options.ts";

/** How to reach Redis, as the configuration says. */
export function redisOptions(config: Config): RedisOptions {
  return {
    url: config.redisUrl,
    username: config.redisUsername,
    password: config.redisPassword,
    caFile: config.redisCaFile,
    prefix: config.redisPrefix,
  };
}
