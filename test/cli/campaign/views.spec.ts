import { readFile, writeFile } from "node:fs/promises";
import { expect } from "chai";
import { campaignCommands } from "../../support/campaign-commands.ts";
import { ferryHere, FerryProcess, type Ended } from "../../support/cli.ts";
import { formatRows, parseRows } from "../../support/row-lines.ts";

describe("what is said of a campaign", function () {
  this.timeout(60_000);
  const { folder, run, campaign, json, seed, runToEnd } = campaignCommands();

  it("runs to its end: wait, audit, report and list agree, and wait is 1 when an actor was rejected", async () => {
    await seed();
    await campaign("create", "good", "--scan", "--start");
    expect(await json("wait", "good", "--timeout", "10ms")).to.include({ state: "running", status: 1 });
    await runToEnd();
    expect(await json("wait", "good")).to.include({ state: "completed", status: 0 });
    expect((await campaign("watch", "good")).stdout).to.match(/^good completed, 100.0 % \(12 of 12\)/);
    expect(await json("audit", "good")).to.include({ agrees: true, actors: 12, status: 0 });
    const report = await campaign("report", "good");
    expect(report.stdout).to.match(/migrated +12 +48.0 KiB/);
    const html = folder.in("report.html");
    expect((await campaign("report", "good", "--html", html)).status).to.equal(0);
    expect(await readFile(html, "utf8")).to.match(/^<!doctype html>/);
    await campaign("create", "bad", "--scan", "--start");
    await runToEnd(() => ({ state: "rejected", reason: "chunk_missing", detail: "" }));
    expect(await json("wait", "bad")).to.include({ status: 1 });
    expect((await campaign("list")).stdout).to.match(/bad +completed[^\n]*\n(.*\n)*good +completed/);
    await campaign("create", "again", "--rejected", "--reason", "chunk_missing");
    expect(((await json("show", "again"))["counts"] as { todo: object }).todo).to.include({ actors: 12 });
    expect(await json("delete", "good", "--confirm", "good")).to.include({ result: "deleted", migrated: 12 });
    expect((await campaign("show", "good")).status).to.equal(2);
  });

  it("names the runbook where rows and counters disagree: a restored row does that as well as a bug", async () => {
    await seed();
    await campaign("create", "all", "--scan", "--start");
    await runToEnd();
    const rows = parseRows((await run(["store", "dump"])).stdout);
    const actors = rows.filter(({ key }) => Buffer.from(key).includes("campaign_actor\0"));
    const restored = actors.slice(0, 1).map(({ key, value }) => {
      const text = Buffer.from(value).toString().replace('"migrated"', '"failed"');
      return { key, value: Uint8Array.from(Buffer.from(text)) };
    });
    await writeFile(folder.in("restored.rows"), formatRows(restored));
    await run(["store", "load", folder.in("restored.rows")]);
    const { status, stdout, stderr } = await campaign("audit", "all");
    expect(status).to.equal(1);
    expect(stdout).to.match(/migrated +actors +12 +11/);
    expect(stderr).to.contain("see docs/runbooks/alert-ledger-drift.md");
  });

  it("plans without writing, and keeps the plan with the campaign only when asked to", async () => {
    await seed();
    expect(await json("plan", "--scan", "--workers", "3")).to.include({ actors: 12, workers: 3, status: 0 });
    await campaign("create", "all", "--scan");
    const dump = async (): Promise<string> => (await run(["store", "dump"])).stdout;
    const before = await dump();
    const plan = await campaign("plan", "all", "--full");
    expect(plan.stdout)
      .to.match(/12 actors/)
      .and.to.match(/rejected +12/);
    expect(await dump()).to.equal(before);
    await campaign("plan", "all", "--save");
    expect((await campaign("report", "all")).stdout).to.contain("PLAN AGAINST ACTUAL");
    await campaign("start", "all");
    expect((await campaign("plan", "all", "--save")).stderr).to.contain("was started already");
    await runToEnd();
    const done = await campaign("plan", "all");
    expect([done.status, done.stderr]).to.deep.equal([
      2,
      'ferry: Campaign "all" is completed: nothing is left to plan.\n',
    ]);
    await campaign("create", "slip", "--scan");
    await campaign("cancel", "slip");
    const cancelled = await campaign("plan", "slip");
    expect([cancelled.status, cancelled.stderr]).to.deep.equal([
      2,
      'ferry: Campaign "slip" is cancelled: nothing of it will be migrated, and nothing is left to plan.\n',
    ]);
  });

  it("lists in 80 columns, with the names that the chart's schedules give", async () => {
    await seed();
    await campaign(
      "create",
      "ferry-nightly-29211840",
      "--scan",
      "--target",
      "storage",
      "--layout",
      "shards",
      "--start",
    );
    await runToEnd();
    const { stdout } = await campaign("list");
    expect(stdout).to.match(
      /^NAME.*\nferry-nightly-29211840 {2}completed {2}100\.0 % \(12 of 12\) {2}20\d\d-\d\d-\d\d {2}scan\n$/,
    );
    // And so of ten thousand actors.
    expect(Math.max(...stdout.split("\n").map(({ length }) => length))).to.be.at.most(80 - 2 * 3);
  });

  it("ends at Ctrl-C also in the middle of reading, and says that a campaign that was waited for goes on", async () => {
    for (const name of ["one", "two"]) {
      await campaign("create", name, "--scan", "--start");
    }
    const stopped = (at: "stdout" | "stderr", ...args: string[]): Promise<Ended> =>
      ferryHere(["--store", folder.store, "--json", "campaign", ...args], { interruptAt: at });
    const list = await stopped("stdout", "list");
    expect(list).to.include({ status: 130, stderr: "ferry: Interrupted.\n" });
    expect(list.stdout.match(/\n/g)).to.have.length(1);
    const wait = await stopped("stderr", "wait", "one");
    expect(wait).to.include({ status: 130, stdout: "" });
    expect(wait.stderr).to.contain("No longer waiting; the campaign goes on.\nferry: Interrupted.");
  });

  it("stops watching at Ctrl-C, and says that the campaign goes on", async () => {
    await campaign("create", "all", "--scan", "--start");
    const watch = new FerryProcess(["--store", folder.store, "campaign", "watch", "all"]);
    while (!watch.stdout.includes("running")) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    watch.kill("SIGINT");
    const ended = await watch.ended();
    expect(ended.status).to.equal(0);
    expect(ended.stderr).to.contain("campaign all goes on");
    expect(await json("show", "all")).to.include({ state: "running" });
  });
});
