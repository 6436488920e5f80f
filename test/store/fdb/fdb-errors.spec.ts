import { expect } from "chai";
import { InvariantError } from "../../../src/errors.ts";
import { StoreError } from "../../../src/store/errors.ts";
import { toFdbStoreError } from "../../../src/store/fdb/fdb-errors.ts";

const fdbError = (code: number): Error => Object.assign(new Error("from the binding"), { code });

describe("an error of FoundationDB", () => {
  const kinds = {
    1007: "too_old",
    1009: "throttled",
    1020: "conflict",
    1021: "commit_unknown",
    1031: "timed_out",
    1037: "throttled",
    1038: "unavailable",
    1039: "commit_unknown",
    1051: "throttled",
    1213: "throttled",
    2101: "too_large",
    2102: "key_too_large",
    2103: "value_too_large",
    4100: "unavailable",
  };
  for (const [code, kind] of Object.entries(kinds)) {
    it(`${code} is of the kind ${kind}, and keeps its code and its cause`, () => {
      const cause = fdbError(Number(code));
      const error = toFdbStoreError(cause);
      expect(error).to.be.instanceOf(StoreError).with.property("kind", kind);
      expect(error).to.have.nested.property("details.fdbCode", Number(code));
      expect(error).to.have.property("cause", cause);
    });
  }

  it("that only a mistake can cause is a bug", () => {
    for (const code of [1036, 2004, 2005]) {
      expect(toFdbStoreError(fdbError(code))).to.be.instanceOf(InvariantError);
    }
  });

  it("stays as it is when it is none", () => {
    for (const error of [new StoreError("conflict", ""), new TypeError("a bug"), "text"]) {
      expect(toFdbStoreError(error)).to.equal(error);
    }
  });
});
