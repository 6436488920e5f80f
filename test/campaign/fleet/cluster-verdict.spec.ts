import { expect } from "chai";
import { readClusterVerdict, verdictOf } from "../../../src/campaign/fleet/cluster-verdict.ts";
import { forEachEngine } from "../../support/stores.ts";

const CALM = {
  performance_limited_by: { name: "workload" },
  batch_performance_limited_by: { name: "workload" },
  worst_queue_bytes_storage_server: 2_000,
  worst_durability_lag_storage_server: { seconds: 5 },
};

describe("the cluster's verdict", () => {
  it("is calm when nothing but the workload limits it, and when it says nothing", () => {
    expect(verdictOf({ cluster: { qos: CALM } })).to.deep.equal({ level: "calm" });
    expect(verdictOf({})).to.deep.equal({ level: "calm" });
  });

  it("is slow from 500 MB of storage queue and severe from 900 MB", () => {
    const at = (bytes: number) => verdictOf({ cluster: { qos: { ...CALM, worst_queue_bytes_storage_server: bytes } } });
    expect(at(600e6)).to.deep.equal({ level: "slow", because: "a storage queue of 600 MB" });
    expect(at(950e6)).to.deep.equal({ level: "severe", because: "a storage queue of 950 MB" });
  });

  it("is severe when the cluster limits everyone, slow when it limits batch work", () => {
    const limited = { name: "storage_server_write_queue_size" };
    expect(verdictOf({ cluster: { qos: { ...CALM, performance_limited_by: limited } } }).level).to.equal("severe");
    expect(verdictOf({ cluster: { qos: { ...CALM, batch_performance_limited_by: limited } } }).level).to.equal("slow");
  });

  forEachEngine((makeStore, engine) => {
    it("can be read, where the engine has one", async () => {
      const verdict = await readClusterVerdict(await makeStore());
      expect(verdict?.level).to.equal(engine === "fdb" ? "calm" : undefined);
    });
  });
});
