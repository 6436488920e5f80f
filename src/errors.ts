/** Extra facts of an error: identifiers, sizes, limits. Never secrets, never page content. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * Base of every error Ferry throws: a static message, a stable `code`, variables in `details`, the `cause` when there is one.
 * The subclasses are the decisions a caller can take, not the places an error can come from.
 */
export class FerryError extends Error {
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The caller asked for something that makes no sense; exit status 2. The message says what to write instead. */
export class UsageError extends FerryError {
  constructor(message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super("usage", message, options);
  }
}

/** The store or Redis cannot be used as things stand; exit status 3. The message says what to do about it. */
export class UnavailableError extends FerryError {
  constructor(code: string, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(code, message, options);
  }
}

/** An invariant of Ferry's own does not hold: a bug, exit status 4. */
export class InvariantError extends FerryError {
  constructor(message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super("invariant", message, options);
  }
}
