import { readFile, writeFile } from "node:fs/promises";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { Canvas } from "../../src/cli/campaign/canvas.ts";
import { showText } from "../../src/cli/campaign/show-text.ts";
import { resultOf } from "../../src/cli/campaign/wait.ts";
import { plainLine, watchLines } from "../../src/cli/campaign/watch-lines.ts";
import { Output } from "../../src/cli/output.ts";
import { openStore } from "../../src/store/open-store.ts";
import { todoKey } from "../../src/campaign/campaign-keys.ts";
import { readCampaign, writeCampaign } from "../../src/campaign/campaign-store.ts";
import { returnActors } from "../../src/campaign/feeder/feed.ts";
import { readFeederLease } from "../../src/campaign/feeder/feeder-lease.ts";
import {
  actorIds,
  makeFeeder,
  MemoryQueue,
  MIGRATED,
  TestClock,
  work,
  writeSizes,
  type Finding,
} from "../support/campaign-fleet.ts";
import { campaignIn, countsOf, viewOf, worker } from "../support/campaign-facts.ts";
import { ferryHere, FerryProcess, type Ended } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const IDS = actorIds(12);

describe("ferry campaign", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  const run = (args: readonly string[], input = ""): Promise<Ended> =>
    ferryHere(["--store", folder.store, ...args], { env: { FERRY_USER: "ann" }, input });
  const campaign = (...args: string[]): Promise<Ended> => run(["campaign", ...args]);

  beforeEach(async () => {
    await run(["store", "load", "-"]);
  });

  const json = async (...args: string[]): Promise<Record<string, unknown>> => {
    const { stdout, status, stderr } = await run(["--json", "campaign", ...args]);
    expect(stdout, stderr).to.match(/^\{[^\n]*\}\n$/);
    return { ...(JSON.parse(stdout) as object), status };
  };
  const seed = async (): Promise<void> => {
    const store = await openStore(folder.store);
    await writeSizes(store, new Map(IDS.map((id) => [id, 4096])));
    await store.close();
  };
  /** A feeder that feeds once, and ends. */
  const feedOnce = async (): Promise<void> => {
    const store = await openStore(folder.store);
    const feeder = makeFeeder({ store, queue: new MemoryQueue(), clock: new TestClock() });
    await feeder.tick();
    await feeder.run(AbortSignal.abort());
    await store.close();
  };
  /** What workers do with jobs of a campaign that is being cancelled. */
  const handBack = async (name: string): Promise<void> => {
    const store = await openStore(folder.store);
    await returnActors(store, name, IDS, Date.now());
    await store.close();
  };
  /** Feeds and works until nothing moves any more, as feeder and workers do. */
  const runToEnd = async (find: Finding = () => MIGRATED): Promise<void> => {
    const store = await openStore(folder.store);
    const [queue, clock] = [new MemoryQueue(), new TestClock()];
    const feeder = makeFeeder({ store, queue, clock });
    for (let round = 0; round < 5; round += 1) {
      await feeder.tick();
      await work({ store, queue, clock }, find);
      clock.nowMs += 10_000;
    }
    expect(await store.transact(readFeederLease)).not.to.equal(undefined);
    await store.close();
  };

  it("creates from a list, warns that nobody is there, and keeps who did it and why", async () => {
    const list = folder.in("ids");
    await writeFile(list, `# some\n${IDS.slice(0, 3).join("\n")}\n${IDS[0] ?? ""}\n`);
    const created = await campaign(
      "create",
      "some",
      "--from",
      list,
      "--rate",
      "5",
      "--for",
      "2h",
      "--reason-text",
      "try",
    );
    expect(created.stdout).to.equal("created campaign some: 3 actors, 1 left out by filters or given twice; created\n");
    expect(created.stderr).to.contain("No feeder is at work").and.contain("No worker is connected");
    const { createdBy, settings, scanFinished } = await json("show", "some");
    expect([createdBy, scanFinished]).to.deep.equal(["ann", true]);
    expect(settings).to.include({ window: 5000, actorsPerSecond: 5 });
    expect((await campaign("history", "some")).stdout).to.match(/ann {2}create {2}.*\(try\)/);
  });

  it("finds a campaign that was created already, starts it where it was not, and adds nothing twice", async () => {
    await seed();
    const create = ["create", "night", "--scan", "--start"];
    expect(await json("create", "night", "--scan")).to.include({ result: "created", state: "created", status: 0 });
    // As a Job whose pod was evicted between the two.
    expect(await json(...create)).to.deep.equal({ result: "already", name: "night", state: "running", status: 0 });
    const again = await campaign(...create);
    expect(again).to.include({ status: 0, stdout: "campaign night was created already; running\n" });
    await runToEnd();
    expect((await campaign(...create)).stdout).to.equal("campaign night was created already; completed\n");
    const history = (await campaign("history", "night")).stdout;
    expect([history.match(/ create /g), history.match(/ start /g)].map((found) => found?.length)).to.deep.equal([1, 1]);
  });

  it("does not take another campaign for the one that was asked for", async () => {
    await campaign("create", "night", "--scan");
    for (const other of [["--scan", "--layout", "delta"], ["--rejected"], ["--scan", "--sample", "5"]]) {
      const refused = await campaign("create", "night", ...other);
      expect(refused.status).to.equal(2);
      expect(refused.stderr).to.contain('A campaign "night" exists already, created, with another specification');
    }
    const other = await campaign("create", "night", "--scan", "--rate", "5");
    expect(other.status).to.equal(0);
    expect(other.stderr).to.contain("Its window and limits stay as they are: ferry campaign set night");
  });

  it("does not resume what was paused, nor start what was cancelled, when it is created again", async () => {
    const create = ["create", "night", "--scan", "--start"];
    await campaign(...create);
    await campaign("pause", "night");
    expect((await campaign(...create)).stdout).to.equal("campaign night was created already; paused\n");
    await campaign("cancel", "night");
    const refused = await campaign(...create);
    expect(refused.status).to.equal(2);
    expect(refused.stderr).to.contain("It is over; create another.");
  });

  it("tells lists apart by their ids, and goes on with one that was not added to its end", async () => {
    await seed();
    const create = (ids: readonly string[]): Promise<Ended> =>
      run(["campaign", "create", "some", "--from", "-", "--start"], `${ids.join("\n")}\n`);
    await run(["campaign", "create", "some", "--from", "-"], IDS.join("\n"));
    const store = await openStore(folder.store);
    await store.transact(async (tx) => {
      writeCampaign(tx, { ...(await readCampaign(tx, "some")), scanFinished: false });
      for (const id of IDS.slice(0, 2)) {
        tx.clear(todoKey("some", 0, id));
      }
    });
    await store.close();
    expect((await campaign("start", "some")).stderr).to.contain("repeat its ferry campaign create");
    expect((await create(IDS.slice(1))).stderr).to.contain("with another specification");
    expect((await create([...IDS].reverse())).stdout).to.equal(
      "campaign some was created already, and not to its end: 2 actors more; running\n",
    );
    expect((await create(IDS)).stdout).to.equal("campaign some was created already; running\n");
  });

  it("creates nothing when a line of the list is no id, and names the line", async () => {
    const ended = await run(["campaign", "create", "some", "--from", "-"], `${IDS[0] ?? ""}\nnonsense\n`);
    expect(ended.status).to.equal(2);
    expect(ended.stderr).to.match(/[Ll]ine 2 of standard input/);
    expect((await campaign("show", "some")).stderr).to.match(/no campaign|cannot be (opened|read)|There is no/i);
  });

  it("refuses flags that make no sense, with status 2", async () => {
    const refusals: [string[], RegExp][] = [
      [["create", "Big Name", "--scan"], /lower-case letters/],
      [["create", "a"], /give --scan, --from FILE or --rejected/],
      [["create", "a", "--scan", "--rejected"], /one source/],
      [["create", "a", "--scan", "--reason", "x"], /--reason goes with --rejected/],
      [["create", "a", "--scan", "--sample", "200%"], /--sample "200%" cannot be used/],
      [["create", "a", "--scan", "--bytes-rate", "0"], /--bytes-rate "0" cannot be used/],
      [["create", "a", "--scan", "--for", "2h"], /--for says how long/],
      [["create", "a", "--scan", "--min-bytes", "2MiB", "--max-bytes", "1MiB"], /more than --max-bytes/],
      [["plan", "a", "--scan"], /leave those flags out/],
      [["plan", "--scan", "--save"], /name one that was created/],
      [["set", "a"], /Nothing to set/],
      [["wait", "a", "--timeout", "soon"], /--timeout "soon" cannot be used/],
    ];
    for (const [args, message] of refusals) {
      const ended = await campaign(...args);
      expect([ended.status, ended.stdout], args.join(" ")).to.deep.equal([2, ""]);
      expect(ended.stderr).to.match(message);
    }
  });

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

  it("says that nobody takes part in a campaign of an empty list, or of a reason that nothing has", async () => {
    expect((await run(["campaign", "create", "none", "--from", "-"], "# none\n")).stderr).to.contain(
      "the list holds none",
    );
    const typo = await campaign("create", "typo", "--rejected", "--reason", "journal_presnt");
    expect([typo.status, typo.stderr.includes("No actor takes part: the ledger")]).to.deep.equal([0, true]);
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

  it("sets what may change, and a limit without an end has none", async () => {
    await campaign("create", "all", "--scan", "--rate", "5", "--for", "2h");
    const set = await json("set", "all", "--window", "70", "--rate", "9");
    expect(set["settings"]).to.deep.equal({ window: 70, actorsPerSecond: 9 });
    expect((await json("set", "all", "--rate", "off"))["settings"]).to.deep.equal({ window: 70 });
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

  it("takes a name to confirm with, where only what would happen is asked", async () => {
    await campaign("create", "all", "--scan");
    const rollback = await run(["rollback", "--campaign", "all", "--dry-run", "--confirm", "all"]);
    expect([rollback.status, rollback.stderr]).to.deep.equal([0, "No actors.\n"]);
    expect((await run(["rollback", IDS[0] ?? "", "--confirm", "all"])).stderr).to.contain(
      "--confirm goes with --campaign",
    );
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

describe("a terminal that does not say how large it is, as one of kubectl exec at first", () => {
  it("counts as one of unknown size, and not as one without room", async () => {
    const stream = Object.assign(new PassThrough().setEncoding("utf8"), { isTTY: true, columns: 0, rows: 0 });
    const output = new Output(stream);
    expect([output.columns, output.rows]).to.deep.equal([undefined, undefined]);
    await new Canvas(output).draw(["first", "second"]);
    expect(stream.read()).to.match(/first.*\n.*second/);
  });
});

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

  it("has no colour where none is wanted, and cuts by what is seen where there is", () => {
    const escape = "\u001b";
    expect(watchLines(busy, { columns: 80, color: false }).join("")).not.to.contain(escape);
    const colored = watchLines(busy, { columns: 80, color: true });
    const plain = colored.map((line) => line.replaceAll(new RegExp(`${escape}\\[\\d+m`, "g"), ""));
    expect(plain).to.deep.equal(watchLines(busy, { columns: 80, color: false }));
  });

  it("draws no more lines than the terminal has, as it could not go back to them", async () => {
    const stream = Object.assign(new PassThrough({ encoding: "utf8" }), { rows: 3 });
    const canvas = new Canvas(new Output(stream));
    await canvas.draw(["one", "two", "three", "four"]);
    await canvas.draw(["five"]);
    expect(stream.read()).to.equal("\u001b[?25lone\u001b[K\ntwo\u001b[K\n\u001b[J" + "\u001b[2Ffive\u001b[K\n\u001b[J");
  });

  it("redraws in one write over the last frame, clearing only what is left of it", async () => {
    const stream = new PassThrough();
    const writes: string[] = [];
    stream.setEncoding("utf8").on("data", (text: string) => writes.push(text));
    const canvas = new Canvas(new Output(stream));
    await canvas.draw(["one", "two"]);
    await canvas.draw(["three"]);
    await canvas.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(writes.join("")).to.equal(
      "\u001b[?25lone\u001b[K\ntwo\u001b[K\n\u001b[J" + "\u001b[2Fthree\u001b[K\n\u001b[J" + "\u001b[?25h",
    );
  });
});
