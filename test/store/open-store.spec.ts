import { writeFile } from "node:fs/promises";
import { expect } from "chai";
import { UnavailableError, UsageError } from "../../src/errors.ts";
import { openStore } from "../../src/store/open-store.ts";
import { ferry } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { errorOf } from "./contract/harness.ts";

describe("opening a store", () => {
  const folder = temporaryFolder();

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

  it("says why FoundationDB's client library cannot be loaded", async () => {
    const clusterFile = folder.in("fdb.cluster");
    await writeFile(clusterFile, "test:test@127.0.0.1:4500\n");
    await writeFile(folder.in("libfdb_c.so"), "no library ".repeat(100));
    const { status, stderr } = await ferry(["outcomes", "--store", `fdb:${clusterFile}`], {
      env: { LD_LIBRARY_PATH: folder.path },
    });
    expect(status).to.equal(3);
    expect(stderr).to.match(/install the package foundationdb-clients \(.*libfdb_c\.so: invalid ELF header\)/);
  });
});
