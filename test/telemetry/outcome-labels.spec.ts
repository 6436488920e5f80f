import { expect } from "chai";
import { IntegrityCheckError, type IntegrityErrorCode } from "../../src/migration/integrity/errors.ts";
import { isStoreTrouble } from "../../src/queue/retry-policy.ts";
import { StoreError, type StoreErrorKind } from "../../src/store/errors.ts";
import { outcomeLabels } from "../../src/telemetry/outcome-labels.ts";

/** Records, so that a new kind or code has to be listed. */
const STORE_KINDS: Record<StoreErrorKind, true> = {
  ...{ conflict: true, commit_unknown: true, too_old: true, timed_out: true, too_large: true, key_too_large: true },
  ...{ value_too_large: true, read_only: true, throttled: true, disk_full: true, unavailable: true, closed: true },
};
const INTEGRITY_CODES: Record<IntegrityErrorCode, true> = {
  ...{ integrity_worker_failed: true, integrity_timed_out: true, integrity_no_resources: true },
  ...{ integrity_directory: true, integrity_closed: true },
};

const labelOf = (reason: string): string => outcomeLabels({ state: "failed", reason }).reason;

/** Whether a job can end in it: not what the store tries again by itself, nor what spends no attempt. */
function endsJobs(kind: StoreErrorKind): boolean {
  const error = new StoreError(kind, "m", { cause: new StoreError("conflict", "m") });
  return !error.retryable && !isStoreTrouble(error);
}

describe("the labels of a failure", () => {
  it("have a store's error exactly where a job can end in it", () => {
    const kinds = Object.keys(STORE_KINDS) as StoreErrorKind[];
    const known = kinds.filter((kind) => labelOf(`store_${kind}`) !== "other");
    expect(known).to.have.members(kinds.filter(endsJobs));
    expect(known).to.include("timed_out").and.not.to.include("throttled");
  });

  it("have every way in which SQLite's check or the codec's thread can fail", () => {
    const errors = (Object.keys(INTEGRITY_CODES) as IntegrityErrorCode[]).map(
      (code) => new IntegrityCheckError(code, "m"),
    );
    const codes = [...errors.map(({ code }) => code), "codec_thread_failed"];
    expect(codes.map(labelOf)).to.deep.equal(codes);
  });

  it("are other where the code is unknown, or there is none", () => {
    expect([labelOf("something_new"), outcomeLabels({ state: "failed" }).reason]).to.deep.equal(["other", "other"]);
  });
});
