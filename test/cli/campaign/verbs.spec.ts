import { expect } from "chai";
import { campaignCommands } from "../../support/campaign-commands.ts";

describe("what changes a campaign", function () {
  this.timeout(60_000);
  const { run, campaign, json, seed, feedOnce, handBack, runToEnd } = campaignCommands();

  it("can repeat every verb, and says what it found", async () => {
    await seed();
    await campaign("create", "all", "--scan");
    expect(await json("start", "all")).to.include({ result: "changed", before: "created", state: "running" });
    expect(await json("start", "all")).to.include({ result: "already", state: "running", status: 0 });
    expect(await json("pause", "all", "--reason-text", "lunch")).to.include({ result: "changed", inFlight: 0 });
    expect(await json("pause", "all", "--wait")).to.include({ result: "already", state: "paused" });
    expect((await json("explain", "all"))["sentence"]).to.equal("Campaign all is paused: lunch.");
    expect(await json("resume", "all")).to.include({ result: "changed", before: "paused" });
    await feedOnce();
    expect(await json("cancel", "all")).to.include({ result: "changed", state: "draining", inFlight: 12 });
    expect(await json("cancel", "all")).to.include({ result: "already", state: "draining" });
    expect((await campaign("resume", "all")).status).to.equal(2);
    expect((await campaign("delete", "all")).status).to.equal(2);
  });

  it("cancels at once, without a feeder, what has nothing in flight, and says of others how they end", async () => {
    await campaign("create", "slip", "--scan");
    expect(await json("cancel", "slip", "--wait")).to.include({ before: "created", state: "cancelled", status: 0 });
    expect(await json("cancel", "slip")).to.include({ result: "already", state: "cancelled" });
    expect(await json("delete", "slip")).to.include({ result: "deleted" });
    await campaign("create", "all", "--scan", "--start");
    expect((await campaign("delete", "all")).stderr).to.contain('"all" is running; cancel it before');
    expect((await campaign("show", "all")).stdout).not.to.contain("ACTORS");
    expect(await json("cancel", "all")).to.include({ before: "running", state: "cancelled", inFlight: 0 });
    expect((await campaign("history", "all")).stdout).to.match(
      /ann {2}cancel {2}running → draining\n.*ann {2}cancelled {2}draining → cancelled\n$/,
    );

    await seed();
    await campaign("create", "fed", "--scan", "--start");
    await feedOnce();
    const asked = await campaign("cancel", "fed", "--wait");
    expect(asked.stdout).to.equal("campaign fed: running → draining, 12 actors in flight\n");
    expect(asked.stderr).to.match(/No worker is connected.*not waiting.*\n.*ferry worker/);
    expect((await campaign("show", "fed")).stdout).to.contain("12 in flight, no workers connected");
    expect((await campaign("delete", "fed")).stderr).to.contain("still being cancelled");
    await handBack("fed");
    expect((await campaign("explain", "fed")).stdout).to.contain("End it now: ferry campaign cancel fed");
    expect(await json("cancel", "fed")).to.include({ result: "changed", before: "draining", state: "cancelled" });
  });

  it("deletes a campaign that migrated actors only when that is confirmed, and says how they go on without it", async () => {
    await seed();
    await campaign("create", "good", "--scan", "--start");
    expect((await campaign("delete", "good", "--confirm", "good")).stderr).to.contain("cancel it before");
    await runToEnd();
    const asked = await campaign("delete", "good");
    expect([asked.status, asked.stdout]).to.deep.equal([2, ""]);
    expect(asked.stderr).to.equal(
      'ferry: Campaign "good" migrated 12 actors: verify, rollback and cleanup with --campaign end with it, and go on by ids alone, ' +
        "which ferry outcomes --state migrated lists. Confirm with --confirm good.\n",
    );
    expect((await campaign("delete", "good", "--confirm", "goof")).stderr).to.contain("nothing was done");
    expect((await campaign("show", "good")).status).to.equal(0);
    const deleted = await campaign("delete", "good", "--confirm", "good");
    expect(deleted.stdout).to.equal("deleted campaign good; what became of its actors stays in the ledger\n");
    expect(deleted.stderr).to.match(
      /its 12 migrated actors by ids.*\n.*"good".*> good.txt\n {2}ferry cleanup --from good.txt\n$/,
    );
  });

  it("sets what may change, and a limit without an end has none", async () => {
    await campaign("create", "all", "--scan", "--rate", "5", "--for", "2h");
    const set = await json("set", "all", "--window", "70", "--rate", "9");
    expect(set["settings"]).to.deep.equal({ window: 70, actorsPerSecond: 9 });
    expect((await json("set", "all", "--rate", "off"))["settings"]).to.deep.equal({ window: 70 });
  });

  it("throttles the whole fleet: set merges, clear lifts, limits end by themselves", async () => {
    await campaign("create", "all", "--scan");
    const throttle = async (...args: string[]): Promise<string> => (await run(["throttle", ...args])).stdout;
    await throttle("set", "--rate", "50");
    expect(await throttle("set", "--concurrent", "8", "--for", "2h", "--reason-text", "backup")).to.match(
      /^at most 50 actors\/s, 8 actors at once \(for another .*\) — set by ann: backup\n$/,
    );
    expect(await throttle("get")).to.contain("50 actors/s");
    expect(await throttle("clear", "--reason-text", "backup is over")).to.equal("no limits\n");
    expect(await throttle("get")).to.equal("no limits\n");
    const changes = (await campaign("history", "all")).stdout.split("\n").filter((line) => line.includes("throttle"));
    expect(changes).to.have.length(3);
    expect(changes[0]).to.match(/ann {2}throttle {2}\{\} → \{"actorsPerSecond":50\}$/);
    expect(changes[2]).to.match(/"concurrentActors":8.* → \{\} {2}\(backup is over\)$/);
  });
});
