import { expect } from "chai";
import { UnavailableError, UsageError } from "../../src/errors.ts";
import { openStore } from "../../src/store/open-store.ts";
import { errorOf } from "./contract/harness.ts";

describe("opening a store", () => {
  for (const url of ["", "lmdb", "redis://here", "postgres:here", "/var/lib/ferry", "LMDB:here"]) {
    it(`refuses the name "${url}", and says how stores are named`, async () => {
      const error = await errorOf(openStore(url));
      expect(error).to.be.instanceOf(UsageError);
      expect((error as UsageError).message).to.equal("a store is named lmdb:DIRECTORY or fdb:CLUSTER_FILE");
    });
  }

  for (const url of ["lmdb:", "fdb:"]) {
    it(`refuses ${url} without a place`, async () => {
      expect(await errorOf(openStore(url))).to.be.instanceOf(UsageError);
    });
  }

  it("says that a cluster file cannot be read", async () => {
    const error = await errorOf(openStore("fdb:/no/such/fdb.cluster"));
    expect(error).to.be.instanceOf(UnavailableError);
    expect((error as UnavailableError).message).to.equal("the cluster file of FoundationDB cannot be read");
  });
});
