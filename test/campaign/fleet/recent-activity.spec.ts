import { expect } from "chai";
import { RecentActivity } from "../../../src/campaign/fleet/recent-activity.ts";

describe("what a worker did lately", () => {
  it("is what was added in the last minute, not since it started", () => {
    const recent = new RecentActivity();
    expect(recent.since({ migrating: 100 }, 0)).to.deep.equal({ migrating: 100 });
    expect(recent.since({ migrating: 130, idle: 5 }, 30_000)).to.deep.equal({ migrating: 30, idle: 5 });
    expect(recent.since({ migrating: 150, idle: 9 }, 60_000)).to.deep.equal({ migrating: 50, idle: 9 });
    expect(recent.since({ migrating: 150, idle: 40 }, 90_000)).to.deep.equal({ migrating: 20, idle: 35 });
  });

  it("is never less than nothing, as where the worker began anew", () => {
    const recent = new RecentActivity();
    recent.since({ idle: 100 }, 0);
    expect(recent.since({ idle: 1 }, 10_000)).to.deep.equal({ idle: 0 });
  });
});
