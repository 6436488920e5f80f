import type { MigrationContext } from "../../src/migration/context.ts";

/** For contexts of what has nothing checked by SQLite: a check that is asked for all the same fails the test. */
export const noIntegrityCheck: MigrationContext["checkIntegrity"] = () =>
  Promise.reject(new Error("SQLite's check was asked for where none was expected"));
