import { expect } from "chai";
import { LoadGovernor } from "../../../src/campaign/fleet/load-governor.ts";
import type { TransactionReport } from "../../../src/store/store.ts";

function commits(governor: LoadGovernor, count: number, commitMs: number): void {
  const report: TransactionReport = {
    label: "stage",
    result: "committed",
    writtenBytes: 1,
    durationMs: commitMs,
    commitMs,
  };
  for (let index = 0; index < count; index += 1) {
    governor.observe(report);
  }
}

describe("the load governor", () => {
  it("leaves the concurrency alone while commits are quick", () => {
    const governor = new LoadGovernor(8);
    commits(governor, 100, 20);
    expect(governor.decide()).to.deep.equal({ limit: 8 });
  });

  it("backs off multiplicatively, never below one, and recovers one by one", () => {
    const governor = new LoadGovernor(10);
    const limits: number[] = [];
    for (let interval = 0; interval < 8; interval += 1) {
      commits(governor, 20, 900);
      limits.push(governor.decide().limit);
    }
    expect(limits).to.deep.equal([7, 4, 2, 1, 1, 1, 1, 1]);
    expect(governor.decision.because).to.equal("commits take 900 ms");
    const recovery = Array.from({ length: 10 }, () => governor.decide());
    expect(recovery.map(({ limit }) => limit)).to.deep.equal([2, 3, 4, 5, 6, 7, 8, 9, 10, 10]);
    expect(recovery[0]?.because).to.equal("commits take 900 ms");
    expect(recovery[9]?.because).to.equal(undefined);
  });

  it("begins nothing while the store throttles, and goes on by itself", () => {
    const governor = new LoadGovernor(4);
    governor.observe({ label: "stage", result: "throttled", writtenBytes: 0, durationMs: 1, commitMs: 0 });
    expect(governor.decide()).to.deep.equal({ limit: 0, because: "the store throttles Ferry's transactions" });
    expect(governor.decide().limit).to.equal(1);
  });

  it("begins nothing while its transactions run out of time and none commits, the reading of the status aside", () => {
    const governor = new LoadGovernor(4);
    const late = { label: "stage", result: "timed_out", writtenBytes: 0, durationMs: 5_000, commitMs: 0 } as const;
    governor.observe({ ...late, label: "status" });
    expect(governor.decide()).to.deep.equal({ limit: 4 });
    governor.observe(late);
    expect(governor.decide()).to.deep.equal({ limit: 0, because: "the store does not answer in time" });
    expect(governor.decide().limit).to.equal(1);
    governor.observe(late);
    commits(governor, 1, 20);
    expect(governor.decide().limit).to.equal(2);
  });

  it("takes the worse of its own and the cluster's verdict", () => {
    const governor = new LoadGovernor(4);
    commits(governor, 20, 900);
    expect(governor.decide({ level: "severe", because: "storage queue 950 MB" })).to.deep.equal({
      limit: 0,
      because: "storage queue 950 MB",
    });
  });

  it("judges an interval by its first 512 commits, however many there are, and the next by its own", () => {
    const governor = new LoadGovernor(4);
    commits(governor, 512, 20);
    commits(governor, 512, 900);
    expect(governor.decide()).to.deep.equal({ limit: 4 });
    commits(governor, 512, 900);
    expect(governor.decide().limit).to.equal(2);
  });

  it("judges nothing from a handful of commits", () => {
    const governor = new LoadGovernor(4);
    commits(governor, 4, 60_000);
    expect(governor.decide()).to.deep.equal({ limit: 4 });
  });
});
