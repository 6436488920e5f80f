import { expect } from "chai";
import { InvariantError } from "../../src/errors.ts";
import { FormatError } from "../../src/formats/format-error.ts";
import { REJECT_REASONS, type Verdict } from "../../src/migration/outcome.ts";
import { isRejection, outcomeOf, rejectionOf } from "../../src/migration/verdict.ts";
import { testActor } from "../support/v1-actors.ts";

const ACTOR = testActor(1);
const MIGRATED: Verdict = {
  state: "migrated",
  image: { pages: 2, bytes: 8192, sha256: "ab" },
  layout: "shards",
  verified: true,
};

describe("an outcome", () => {
  it("holds what the verdict says, the time, and no field that has no value", () => {
    const facts = { previous: undefined, finishedAtMs: 0, campaign: undefined };
    expect(outcomeOf(ACTOR.id, MIGRATED, facts)).to.deep.equal({
      actorId: ACTOR.id,
      state: "migrated",
      pages: 2,
      bytes: 8192,
      sha256: "ab",
      layout: "shards",
      verified: true,
      attempts: 1,
      finishedAt: "1970-01-01T00:00:00.000Z",
    });
    const rejected: Verdict = { state: "rejected", reason: "chunk_missing", detail: "Why.", facts: { pages: 1 } };
    expect(outcomeOf(ACTOR.id, rejected, { ...facts, campaign: "c" })).to.deep.equal({
      actorId: ACTOR.id,
      state: "rejected",
      reason: "chunk_missing",
      detail: "Why.",
      pages: 1,
      attempts: 1,
      campaign: "c",
      finishedAt: "1970-01-01T00:00:00.000Z",
    });
  });

  it("keeps who left an actor on v1, and why, when a job comes by and leaves it there", () => {
    for (const reason of ["waived", "rolled_back"] as const) {
      const decided = { state: "skipped", reason, detail: "By ann: tests." } as const;
      const facts = { finishedAtMs: 5, campaign: undefined };
      const previous = outcomeOf(ACTOR.id, decided, { ...facts, previous: undefined, finishedAtMs: 1 });
      const again = outcomeOf(ACTOR.id, { state: "skipped", reason }, { ...facts, previous });
      expect(again).to.include({ reason, detail: "By ann: tests.", attempts: 2 });
      expect(outcomeOf(ACTOR.id, MIGRATED, { ...facts, previous })).to.not.have.property("detail");
    }
  });

  it("counts one attempt more than the last one, and the same attempt's record once", () => {
    const first = outcomeOf(ACTOR.id, MIGRATED, { previous: undefined, finishedAtMs: 5, campaign: undefined });
    const again = outcomeOf(ACTOR.id, MIGRATED, { previous: first, finishedAtMs: 5, campaign: undefined });
    const next = outcomeOf(ACTOR.id, MIGRATED, { previous: again, finishedAtMs: 6, campaign: undefined });
    expect([first, again, next].map(({ attempts }) => attempts)).to.deep.equal([1, 1, 2]);
  });
});

describe("a format error", () => {
  it("is a rejection exactly when its code is a reason", () => {
    for (const reason of REJECT_REASONS) {
      const error = new FormatError(reason, "A sentence.", { index: 3, chunks: 4 });
      expect(isRejection(error)).to.equal(true);
      expect(rejectionOf(error)).to.deep.equal({
        state: "rejected",
        reason,
        detail: `A sentence. (index 3, chunks 4) See docs/runbooks/${reason}.md.`,
      });
    }
    for (const error of [new FormatError("outcome_undecodable", "x"), new Error("meta_missing"), "meta_missing"]) {
      expect(isRejection(error)).to.equal(false);
    }
  });

  it("of another kind is a bug, and what is no format error is passed on", () => {
    expect(() => rejectionOf(new FormatError("outcome_undecodable", "x"))).to.throw(InvariantError);
    const other = new TypeError("other");
    expect(() => rejectionOf(other)).to.throw(other);
  });
});
