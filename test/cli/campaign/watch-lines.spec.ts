import { expect } from "chai";
import type { CampaignView } from "../../../src/campaign/progress/view.ts";
import { showText } from "../../../src/cli/campaign/show-text.ts";
import { resultOf } from "../../../src/cli/campaign/wait.ts";
import { plainLine, watchLines } from "../../../src/cli/campaign/watch-lines.ts";
import { campaignIn, countsOf, NOW_MS, viewOf, worker } from "../../support/campaign-facts.ts";

describe("a campaign in words", () => {
  const counts = countsOf({ todo: 2_800, open: 17, later: 10, migrated: 5, deferred: 3 });

  it("says of a cancelled one how many were not done, of which none waits for anything any more", () => {
    const view = viewOf({ campaign: campaignIn("cancelled"), counts });
    const live = watchLines(view, { columns: 80, color: false });
    expect(showText(view).join("\n")).to.match(/not done +2827 /);
    expect(live.join("\n")).to.match(/not done +█+░* +2827/);
    expect(plainLine(view)).to.contain("2827 not done");
    expect([...showText(view), ...live, plainLine(view)].join("\n")).not.to.match(/waiting|comes? back|in flight/);
  });

  it("says of one that is not over what the fleet is held to, and who did it: another operator may have", () => {
    const fleet = { actorsPerSecond: 20, untilMs: NOW_MS + 3_600_000, setBy: "ann", reason: "backup" };
    const line = /^throttle +at most 20 actors\/s \(for another 1h\) — set by ann: backup$/m;
    expect(showText(viewOf({ fleet })).join("\n")).to.match(line);
    for (const view of [viewOf(), viewOf({ fleet, campaign: campaignIn("completed", { finishedAtMs: NOW_MS }) })]) {
      expect(showText(view).join("\n")).not.to.match(/throttle/);
    }
  });

  it("tells those that come back from those that were given up, by which wait ends with 1", () => {
    const view = viewOf({ counts });
    expect(plainLine(view)).to.contain("17 in flight, 10 deferred, 3 given up as deferred");
    const over = viewOf({ campaign: campaignIn("completed"), counts: countsOf({ migrated: 5, deferred: 3 }) });
    expect(plainLine(over)).to.equal("spring completed, 100.0 % (8 of 8), 3 given up as deferred");
    expect(resultOf(over)).to.equal(1);
    expect(watchLines(over, { columns: 80, color: false }).join("\n")).to.match(/given up +█+░* +3/);
  });
});

describe("the live view", () => {
  const busy = viewOf({
    counts: countsOf({ todo: 900_000, open: 5000, later: 12, migrated: 90_000, rejected: 300, failed: 3 }),
    workers: [worker({ recentSeconds: { read: 1, encode: 5, write: 3, idle: 1 } })],
  });

  it("fits 80 columns, and narrower ones, in any state", () => {
    const views = [
      busy,
      viewOf({ workers: [] }),
      viewOf({ campaign: campaignIn("paused", { stateReason: "x".repeat(200) }) }),
    ];
    for (const view of views) {
      for (const columns of [200, 80, 40]) {
        const longest = Math.max(...watchLines(view, { columns, color: false }).map((line) => line.length));
        expect(longest).to.be.at.most(Math.min(columns, 80));
      }
    }
  });

  it("has a bar for every state that holds actors, rejects by reason, workers and what limits it", () => {
    const text = watchLines(busy, { columns: 80, color: false }).join("\n");
    for (const part of [
      "migrated",
      "rejected",
      "waiting",
      "comes back",
      "magic_mismatch",
      "1 worker, 4 slots",
      "encode 50 %",
    ]) {
      expect(text).to.contain(part);
    }
    expect(text).to.match(/rejected +█░+ +300/);
    expect(plainLine(busy)).not.to.contain("\n");
  });

  it("cuts no number, however narrow the terminal, and shows all shares of workers' time", () => {
    const shares = { idle: 50, throttled_operator: 20, throttled_store: 10, encode: 8, write: 5, verify: 4, read: 3 };
    const view = viewOf({ ...busy, workers: [worker({ recentSeconds: shares })] });
    for (const columns of [80, 60, 40, 24]) {
      const text = watchLines(view, { columns, color: false }).join("\n");
      expect(text, String(columns)).to.match(/waiting .* 900000$/m);
      expect(text, String(columns)).to.match(/ {2}magic_mismat.* 300$/m);
      expect(text.match(/\d+ %(?= |$)/gm)?.length, String(columns)).to.be.at.least(7);
    }
  });

  it("cuts nothing of when it ends, and says it beside the speed where both have room", () => {
    const end = "at least 5m to go: larger actors are left than those done lately";
    const view = (eta: { lowMs: number; highMs?: number }): CampaignView => {
      const { standstill, ...progress } = busy.progress;
      expect(standstill).to.equal(undefined);
      return { ...busy, progress: { ...progress, eta } };
    };
    for (const columns of [80, 60, 40]) {
      const lines = watchLines(view({ lowMs: 300_000 }), { columns, color: false });
      expect(lines.slice(1, lines.indexOf("")).join(" "), String(columns)).to.match(
        new RegExp(`^[\\d.]+ actors/s, .*/s +${end}$`),
      );
    }
    const both = watchLines(view({ lowMs: 300_000, highMs: 600_000 }), { columns: 80, color: false });
    expect(both[1]).to.match(/ actors\/s, .*\/s {3}5m to 10m to go$/);
  });

  it("has no colour where none is wanted, and cuts by what is seen where there is", () => {
    const escape = "\u001b";
    expect(watchLines(busy, { columns: 80, color: false }).join("")).not.to.contain(escape);
    const colored = watchLines(busy, { columns: 80, color: true });
    const plain = colored.map((line) => line.replaceAll(new RegExp(`${escape}\\[\\d+m`, "g"), ""));
    expect(plain).to.deep.equal(watchLines(busy, { columns: 80, color: false }));
  });
});
