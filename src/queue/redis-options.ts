/** How to reach Redis; the configuration layer fills it in. `url` may carry credentials, so print it only through `redactUrl`. */
export interface RedisOptions {
  /** `redis://[user[:password]@]host[:port][/db]`, or `rediss://` for TLS. */
  readonly url: string;
  /** Wins over the URL's. */
  readonly username?: string | undefined;
  /** Wins over the URL's. */
  readonly password?: string | undefined;
  /** PEM file with the authorities to trust with `rediss://`; default: the system's. */
  readonly caFile?: string | undefined;
  /** First part of every key, so that several Ferries share one Redis. Default `ferry`. */
  readonly prefix?: string | undefined;
}

/** The one queue of Ferry. */
export const QUEUE_NAME = "actor-migration";
/** Default of `RedisOptions.prefix`. */
export const DEFAULT_PREFIX = "ferry";

/** What all keys of the queue start with, e.g. `ferry:actor-migration:`. */
export function queueKeyPrefix(options: RedisOptions): string {
  return `${options.prefix ?? DEFAULT_PREFIX}:${QUEUE_NAME}:`;
}
