import type { Outcome, RejectReason } from "../../migration/outcome.ts";

/** What can be done about each rejection, most useful first. `ID` stands for the actor's. The runbook has the rest. */
const ADVICE = {
  journal_present: ["ferry requeue ID --journal rollback    rolls the half-done transaction back, as SQLite would"],
  wal_present: [
    "ferry requeue ID --wal apply            applies what was committed, as SQLite would",
    "ferry requeue ID --sidecars tolerate    lets it pass if the log holds no data",
  ],
  shm_present: ["ferry requeue ID --sidecars tolerate    a SHM carries no data of its own"],
  header_too_small: ["Restore the actor from a backup, or leave it: ferry waive ID --reason-text TEXT"],
  magic_mismatch: ["Find out who wrote it: ferry rejected export ID. Restore it, or ferry waive ID --reason-text TEXT"],
  page_size_invalid: ["Restore the actor from a backup, or leave it: ferry waive ID --reason-text TEXT"],
  page_size_unsupported: ["Have the engine rewrite it in 4,096-byte pages (VACUUM) on v1, then ferry requeue ID"],
  size_not_page_aligned: ["ferry requeue ID --journal rollback if a journal is there; else restore it from a backup"],
  meta_missing: ["Restore the actor from a backup, or leave it: ferry waive ID --reason-text TEXT"],
  meta_invalid: ["Restore the actor from a backup, or leave it: ferry waive ID --reason-text TEXT"],
  meta_version_unsupported: ["Look for a newer Ferry: this actor was written in a form that this one does not know"],
  chunk_missing: ["ferry requeue ID --journal rollback if a journal is there; else restore it from a backup"],
  chunk_unexpected: [
    "ferry requeue ID --journal rollback if a journal is there; else ferry rejected export ID and ask",
  ],
  chunk_oversized: ["ferry rejected export ID, and ask: v1 never writes such a chunk"],
  entry_corrupt: ["ferry rejected export ID, and restore it from a backup"],
  too_large: ["ferry requeue ID --max-bytes SIZE       if v2's quota was raised for it"],
  v2_meta_undecodable: ["Look for a newer Ferry: someone else wrote this actor's v2 head"],
  storage_v2_written: [
    "Its newest data is in v2's older form: ferry v2 export ID FILE --target storage; the runbook brings it to Depot",
  ],
  integrity_check_failed: ["Restore it from a backup; ferry requeue ID --check header takes it as damaged as it is"],
  verify_mismatch: ["ferry rejected export ID --include-pages, and report it: this is a bug or broken memory"],
  namespace_unknown: [
    "ferry requeue ID --namespace NAMESPACE    where no row says it and you know it: the engine looks nowhere else",
    "ferry requeue ID                          where its row was no id, and the engine's operators mended it",
  ],
  bucket_not_live: ["The namespace's bucket was forked or frozen: ask the engine's operators, then ferry requeue ID"],
  header_page_count_mismatch: [
    "ferry requeue ID --journal rollback if a journal is there; else restore it from a backup",
  ],
  journal_mode_unsupported: [
    "ferry requeue ID --wal apply if a WAL is there; else have the engine leave WAL mode on v1",
  ],
  too_many_pages: [
    "Have it made smaller on v1 (VACUUM), or leave it: ferry waive ID --reason-text TEXT",
    "ferry requeue ID --max-pages N          only where the first read was measured on your own cluster",
  ],
} as const satisfies Record<RejectReason, readonly string[]>;

/** Only Depot says these: asked again without the target, they would be a job for whatever the workers are configured for. */
const OF_DEPOT = new Set<string>([
  "storage_v2_written",
  "namespace_unknown",
  "bucket_not_live",
  "header_page_count_mismatch",
  "journal_mode_unsupported",
  "too_many_pages",
] satisfies RejectReason[]);

/** What an operator can do about an outcome. */
export function adviceFor({ actorId, state, reason = "", campaign }: Outcome): readonly string[] {
  if (state === "failed") {
    return [
      reason === "usage"
        ? `ferry requeue ${actorId}    as the detail says`
        : `ferry requeue ${actorId}    when the store and Redis are well again`,
    ];
  }
  // That of a campaign goes with its actors.
  const target = campaign === undefined && OF_DEPOT.has(reason) ? " --target depot" : "";
  // The ledger may hold a reason of another version.
  const known = new Map<string, readonly string[]>(Object.entries(ADVICE)).get(reason);
  return (state === "rejected" ? (known ?? []) : []).map((line) =>
    line.replaceAll("requeue ID", `requeue ID${target}`).replaceAll(" ID", ` ${actorId}`),
  );
}

/** The page about an outcome, a path in this repository; migrated actors need none. */
export function runbookOf({ state, reason }: Outcome): string | undefined {
  if (state === "failed") {
    return "docs/runbooks/failed.md";
  }
  return reason === undefined ? undefined : `docs/runbooks/${reason}.md`;
}
