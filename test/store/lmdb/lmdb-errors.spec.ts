import { tmpdir } from "node:os";
import { expect } from "chai";
import { StoreError } from "../../../src/store/errors.ts";
import { toLmdbStoreError } from "../../../src/store/lmdb/lmdb-errors.ts";

describe("an error of LMDB", () => {
  const kindOf = (code: number, isOfCommit: boolean): string => {
    const error = toLmdbStoreError(Object.assign(new Error("LMDB"), { code }), { directory: tmpdir(), isOfCommit });
    return error instanceof StoreError ? error.kind : "something else";
  };

  it("of a commit that failed over the list of free pages can be tried again; the same error before it is final", () => {
    for (const code of [-30782, -30781]) {
      expect(kindOf(code, true)).to.equal("commit_unknown");
      expect(kindOf(code, false)).to.equal("unavailable");
    }
  });

  it("that says that the store is damaged is final, in a commit too", () => {
    const [pageNotFound, corrupted, panic] = [-30797, -30796, -30795];
    expect([pageNotFound, corrupted, panic].map((code) => kindOf(code, true))).to.deep.equal(
      Array.from({ length: 3 }, () => "unavailable"),
    );
  });
});
