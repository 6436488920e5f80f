import { createRequire } from "node:module";
import { dirname } from "node:path";
import { UnavailableError } from "../../errors.ts";

/** Where a range begins or ends, as the binding takes it. */
interface KeySelector {
  readonly key: Buffer;
  readonly orEqual: boolean;
  readonly offset: number;
}

/** What Ferry uses of the binding's transaction. */
export interface FdbHandle {
  snapshot(): FdbHandle;
  get(key: Buffer): Promise<Buffer | undefined>;
  getRangeNative(
    start: KeySelector,
    end: KeySelector,
    limit: number,
    targetBytes: number,
    streamingMode: number,
    iteration: number,
    reverse: boolean,
  ): Promise<{ readonly results: readonly (readonly [Buffer, Buffer])[]; readonly more: boolean }>;
  getReadVersion(): Promise<Buffer>;
  set(key: Buffer, value: Buffer): void;
  clear(key: Buffer): void;
  clearRange(begin: Buffer, end: Buffer): void;
  atomicOpNative(type: number, key: Buffer, operand: Buffer): void;
  addReadConflictRange(begin: Buffer, end: Buffer): void;
  rawCommit(): Promise<void>;
  rawReset(): void;
}

/** Options of a transaction of FoundationDB that Ferry sets. */
export interface FdbTransactionOptions {
  /** In milliseconds. */
  readonly timeout: number;
  readonly auto_throttle_tag: string;
  readonly priority_batch?: true;
}

/** What Ferry uses of the binding's database. */
export interface FdbDatabase {
  rawCreateTransaction(options: FdbTransactionOptions): FdbHandle;
  close(): void;
}

/**
 * What Ferry uses of the `foundationdb` package. Declared here rather than taken from the package, which is an optional
 * dependency: Ferry compiles where it is not installed.
 */
export interface FdbBinding {
  setAPIVersion(version: number, headerVersion: number): void;
  open(clusterFile: string): FdbDatabase;
  readonly StreamingMode: { readonly WantAll: number };
  readonly MutationType: {
    readonly Add: number;
    readonly SetVersionstampedKey: number;
    readonly SetVersionstampedValue: number;
  };
}

/** API versions to ask for, best first: that of FoundationDB 7.1, which 7.3 offers as well, and that of 6.3. */
const API_VERSIONS = [710, 630];
const PACKAGE = "foundationdb";

/**
 * Loads the binding and FoundationDB's client library, and chooses the API version.
 * @throws UnavailableError that says what to install.
 */
export function loadFdbBinding(): FdbBinding {
  const require = createRequire(import.meta.url);
  let manifest;
  try {
    manifest = require.resolve(`${PACKAGE}/package.json`);
  } catch (cause) {
    throw unavailable(
      "an fdb: store needs the npm package foundationdb: install FoundationDB's client, then npm ci",
      cause,
    );
  }
  try {
    // The native part first, in silence: the package prints advice on the console when that fails.
    const loadPrebuilt = createRequire(manifest)("node-gyp-build") as (directory: string) => unknown;
    loadPrebuilt(dirname(manifest));
  } catch (cause) {
    // The loader's own words: the library may be missing, or be there and lack another one.
    throw unavailable(
      `an fdb: store needs FoundationDB's client library: install the package foundationdb-clients (${(cause as Error).message})`,
      cause,
    );
  }
  const binding = require(PACKAGE) as FdbBinding;
  selectApiVersion(binding);
  return binding;
}

function selectApiVersion(binding: FdbBinding): void {
  let failure: unknown;
  for (const version of API_VERSIONS) {
    try {
      binding.setAPIVersion(version, version);
      return;
    } catch (error) {
      failure = error;
    }
  }
  throw unavailable("FoundationDB's client library is too old: install foundationdb-clients 7.1 or 7.3", failure);
}

function unavailable(message: string, cause: unknown): UnavailableError {
  return new UnavailableError("store_unavailable", message, { cause });
}
