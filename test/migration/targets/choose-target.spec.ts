import { expect } from "chai";
import { UsageError } from "../../../src/errors.ts";
import { chooseTarget } from "../../../src/migration/targets/choose-target.ts";
import { bucketRows, BUCKET_BRANCH } from "../../support/depot-world.ts";
import { STORAGE_ROW } from "../../support/storage-row.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { bytesOf, type Row } from "../../support/v1-actors.ts";

const FERRY_ROW: Row = { key: bytesOf(2, "ferry", 0, 2, "lease", 0), value: bytesOf(1) };

describe("choosing the target", () => {
  it("takes what was asked for, whatever the cluster holds", async () => {
    const store = new MemoryStore();
    store.load([STORAGE_ROW]);
    expect(await chooseTarget(store, "depot")).to.equal("depot");
    expect(await chooseTarget(store, "storage")).to.equal("storage");
  });

  it("takes the form of v2 that the cluster holds", async () => {
    const depot = new MemoryStore();
    depot.load([...bucketRows(BUCKET_BRANCH), FERRY_ROW]);
    expect(await chooseTarget(depot, "auto")).to.equal("depot");
    const storage = new MemoryStore();
    storage.load([STORAGE_ROW, FERRY_ROW]);
    expect(await chooseTarget(storage, "auto")).to.equal("storage");
  });

  it("is storage where nobody asked for anything, but not in a cluster that holds Depot", async () => {
    const store = new MemoryStore();
    store.load([STORAGE_ROW, FERRY_ROW]);
    expect(await chooseTarget(store, undefined)).to.equal("storage");
    store.load(bucketRows(BUCKET_BRANCH));
    const error = await chooseTarget(store, undefined).catch((caught: unknown) => caught);
    expect(error).to.be.instanceOf(UsageError);
  });

  it("refuses to guess when there are both or neither, and says what to write", async () => {
    for (const rows of [[FERRY_ROW], [...bucketRows(BUCKET_BRANCH), STORAGE_ROW]]) {
      const store = new MemoryStore();
      store.load(rows);
      const error = await chooseTarget(store, "auto").catch((caught: unknown) => caught);
      expect(error).to.be.instanceOf(UsageError);
      expect((error as UsageError).message)
        .to.include("--target depot")
        .and.to.include("--target storage");
    }
  });
});
