import { FerryError, InvariantError, UnavailableError } from "../errors.ts";
import { redactUrl } from "./redact-url.ts";

const AUTHENTICATION = /^(NOAUTH|WRONGPASS|NOPERM|ERR AUTH|ERR invalid password)/;
const FULL = "OOM ";
const READ_ONLY = "READONLY ";
const NOT_ANSWERING =
  /Connection is closed|timed out|not ready in time|max retries per request|Stream isn't writeable|^(LOADING|MASTERDOWN|TRYAGAIN) /;

/** Whether Redis asked for other credentials: waiting does not help. */
export function isAuthenticationError(error: unknown): boolean {
  return error instanceof Error && AUTHENTICATION.test(error.message);
}

/** Whether Redis' certificate is not trusted, or is another host's: waiting does not help. */
export function isCertificateError(error: unknown): error is Error {
  return (
    error instanceof Error &&
    "code" in error &&
    typeof error.code === "string" &&
    /CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE/.test(error.code)
  );
}

/** Whether the connection is the trouble, which the client mends by itself, rather than an answer of Redis. */
export function isConnectionError(error: unknown): boolean {
  return (error instanceof Error && NOT_ANSWERING.test(error.message)) || isSystemError(error);
}

/** Whether Redis answered and refused: it is full, cannot save, or does not allow the command. */
export function isRefusal(error: unknown): boolean {
  return error instanceof Error && error.name === "ReplyError";
}

/**
 * A Redis client's error as one sentence for an operator, with exit status 3; Ferry's own errors pass unchanged.
 * Codes: `redis_auth`, `redis_certificate`, `redis_full`, `redis_read_only`, `redis_unreachable`, `redis_refused` for any other answer of Redis;
 * what does not come from Redis at all is an InvariantError.
 */
export function redisUnavailable(url: string, cause: unknown): FerryError {
  if (cause instanceof FerryError) {
    return cause;
  }
  const place = redactUrl(url);
  const text = cause instanceof Error ? cause.message : "";
  if (isAuthenticationError(cause)) {
    return unavailable("redis_auth", `Redis at ${place} refuses these credentials: give the right user and password.`);
  }
  if (isCertificateError(cause)) {
    return unavailable(
      "redis_certificate",
      `The certificate of Redis at ${place} is not trusted (${text.trim()}): name its authority with FERRY_REDIS_CA_FILE, and in the URL a host of the certificate.`,
    );
  }
  if (text.startsWith(FULL)) {
    return unavailable("redis_full", `Redis at ${place} has reached its maxmemory: give it more, or make room.`);
  }
  if (text.startsWith(READ_ONLY)) {
    return redisReadOnly(url, cause);
  }
  if (isSystemError(cause)) {
    return unavailable(
      "redis_unreachable",
      `Redis at ${place} does not answer (${text}): start it, or give its URL with --redis.`,
    );
  }
  if (isConnectionError(cause)) {
    return unavailable(
      "redis_unreachable",
      `Redis at ${place} does not answer: start it, or give its URL with --redis, rediss:// where it has TLS and redis:// where not.`,
    );
  }
  if (cause instanceof Error && cause.name === "ParserError") {
    return unavailable("redis_unreachable", `What answers at ${place} is not Redis: give the URL of one with --redis.`);
  }
  if (isRefusal(cause)) {
    return unavailable("redis_refused", `Redis at ${place} refuses a command: ${text}`);
  }
  return new InvariantError("A call to the queue failed for a reason that is not Redis's.", { cause });

  function unavailable(code: string, message: string): UnavailableError {
    return new UnavailableError(code, message, { details: { redis: place }, cause });
  }
}

/** A Redis that takes no writes, as an error `redis_read_only`. */
export function redisReadOnly(url: string, cause?: unknown): UnavailableError {
  const place = redactUrl(url);
  return new UnavailableError(
    "redis_read_only",
    `Redis at ${place} is a replica and takes no writes: give the primary's URL.`,
    { details: { redis: place }, cause },
  );
}

/** ECONNREFUSED, ENOTFOUND, a TLS failure: whatever the operating system or TLS layer gave a code. */
function isSystemError(error: unknown): error is Error {
  return (
    error instanceof Error && "code" in error && typeof error.code === "string" && !error.code.startsWith("ERR_INVALID")
  );
}
