/** An error as plain data, whole: winston 3 drops message, stack and cause of errors that come as fields. */
export interface SerializedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly details?: unknown;
  readonly cause?: SerializedError;
  /** Of an AggregateError. */
  readonly errors?: readonly SerializedError[];
}

/** Causes deeper than this are left out; also what ends a cycle. */
const MAX_DEPTH = 8;

/** Whatever was thrown, as data; what is not an error keeps its text. */
export function serializeError(thrown: unknown, depth = 0): SerializedError {
  if (!(thrown instanceof Error)) {
    return { type: typeof thrown, message: textOf(thrown) };
  }
  const goDeeper = depth < MAX_DEPTH;
  return {
    type: thrown.name,
    ...("code" in thrown && (typeof thrown.code === "string" || typeof thrown.code === "number")
      ? { code: String(thrown.code) }
      : {}),
    message: thrown.message,
    ...(thrown.stack === undefined ? {} : { stack: thrown.stack }),
    ...("details" in thrown && !isEmpty(thrown.details) ? { details: thrown.details } : {}),
    ...(thrown.cause !== undefined && goDeeper ? { cause: serializeError(thrown.cause, depth + 1) } : {}),
    ...(thrown instanceof AggregateError && goDeeper
      ? { errors: thrown.errors.map((error) => serializeError(error, depth + 1)) }
      : {}),
  };
}

function isEmpty(details: unknown): boolean {
  return typeof details === "object" && details !== null && Object.keys(details).length === 0;
}

function textOf(thrown: unknown): string {
  if (typeof thrown === "string") {
    return thrown;
  }
  try {
    const json = JSON.stringify(thrown) as string | undefined;
    return json ?? typeof thrown;
  } catch {
    return Object.prototype.toString.call(thrown);
  }
}
