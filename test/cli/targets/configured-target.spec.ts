import { expect } from "chai";
import { Targets } from "../../../src/cli/targets/targets.ts";
import { loadConfig, type Flags } from "../../../src/config/config.ts";
import { UsageError } from "../../../src/errors.ts";
import { bucketRows, BUCKET_BRANCH } from "../../support/depot-world.ts";
import { STORAGE_ROW } from "../../support/storage-row.ts";
import { MemoryStore } from "../../support/memory-store.ts";

describe("the configured target", () => {
  let store: MemoryStore;
  let nowMs: number;

  beforeEach(() => {
    store = new MemoryStore();
    nowMs = 1_000;
  });

  const configured = (flags: Flags = {}): Targets => new Targets(loadConfig({}, flags), store, () => nowMs);

  async function refusal(targets: Targets): Promise<unknown> {
    return targets.of().catch((error: unknown) => error);
  }

  it("is storage where nothing is said, until the cluster is seen to hold Depot", async () => {
    const targets = configured();
    expect((await targets.of()).name).to.equal("storage");
    store.load(bucketRows(BUCKET_BRANCH));
    nowMs += 9_999;
    expect((await targets.of()).name).to.equal("storage");
    nowMs += 1;
    expect(await refusal(targets)).to.be.instanceOf(UsageError);
  });

  it("is asked for again after a refusal", async () => {
    const targets = configured({ target: "auto" });
    expect(await refusal(targets)).to.be.instanceOf(UsageError);
    store.load([STORAGE_ROW]);
    expect((await targets.of()).name).to.equal("storage");
  });

  it("with auto stays what it was at first, whatever comes to be in the cluster", async () => {
    store.load([STORAGE_ROW]);
    const targets = configured({ target: "auto" });
    expect((await targets.of()).name).to.equal("storage");
    store.load(bucketRows(BUCKET_BRANCH));
    nowMs += 60_000;
    expect((await targets.of()).name).to.equal("storage");
  });

  it("gives way to what a job asks for", async () => {
    expect((await configured({ target: "storage" }).of({ target: "depot" })).name).to.equal("depot");
    expect((await configured({ target: "depot" }).of({ target: "storage" })).name).to.equal("storage");
  });
});
