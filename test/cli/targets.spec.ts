import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { expect } from "chai";
import { campaignFeedQueue } from "../../src/queue/campaign-feed-queue.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { openStore } from "../../src/store/open-store.ts";
import { makeFeeder, TestClock } from "../support/campaign-fleet.ts";
import { ferryHere, type Ended } from "../support/cli.ts";
import { pointerOf } from "../support/depot-reference.ts";
import {
  bucketRows,
  BUCKET_BRANCH,
  clearKeys,
  dumpRows,
  NAMESPACE_ID,
  POOL_ROW,
  sleepingActor,
} from "../support/depot-world.ts";
import { migrateHere } from "../support/migrate-here.ts";
import { TestRedis } from "../support/redis.ts";
import { encodeReferenceHead, logicalKey, physicalRows, referenceHead, sha256 } from "../support/reference.ts";
import { formatRows, parseRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";
import { bytesOf, fileRows, TAG, testActor, v1Rows, type Row } from "../support/v1-actors.ts";

const IMAGE = sqliteImageOfPages(3);
/** Actors that no engine knows: their namespace can only come from the job. */
const ACTORS = [1, 2].map(testActor);
const [FIRST, SECOND] = ACTORS.map(({ id }) => id);
/** Not hot: with `--journal rollback` the actor migrates. */
const JOURNAL = new Uint8Array(512);
const STORAGE_ROW: Row = {
  key: bytesOf(Buffer.from("1415030273716c6974652d73746f7261676500", "hex"), 2, "x"),
  value: bytesOf(0),
};

describe("the target of jobs and campaigns", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let redis: TestRedis;

  beforeEach(async () => {
    redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
    await load(ACTORS.flatMap((actor) => v1Rows(actor, IMAGE)));
  });

  afterEach(async () => {
    await redis.stop();
  });

  function ferry(
    args: readonly string[],
    options: { input?: string; env?: Record<string, string> } = {},
  ): Promise<Ended> {
    const env = { FERRY_STORE: folder.store, FERRY_REDIS_URL: redis.url, FERRY_METRICS_PORT: "off", ...options.env };
    return ferryHere(args, { env, input: options.input ?? "" });
  }

  async function load(rows: readonly Row[]): Promise<void> {
    expect((await ferry(["store", "load", "-"], { input: formatRows(rows) })).status).to.equal(0);
  }

  const work = (...args: string[]): Promise<Ended> => ferry(["worker", "--drain", ...args]);

  /** Feeds every campaign, and has a worker work that knows of no target, but for these flags. */
  async function runCampaigns(...flags: string[]): Promise<void> {
    const store = await openStore(folder.store);
    const queue = await MigrationQueue.open({ url: redis.url, prefix: "ferry" });
    const clock = new TestClock();
    clock.nowMs = Date.now();
    await makeFeeder({ store, queue: campaignFeedQueue(queue), clock }).tick();
    await work(...flags);
    await queue.close();
    await store.close();
  }

  async function outcomes(): Promise<string[]> {
    const { stdout } = await ferry(["outcomes", "--json"]);
    return stdout.split("\n").flatMap((line) => {
      const { state, reason } = JSON.parse(line === "" ? "{}" : line) as { state?: string; reason?: string };
      return state === undefined ? [] : [reason === undefined ? state : `${state} ${reason}`];
    });
  }

  async function pointers(): Promise<number> {
    const store = await openStore(folder.store);
    const rows = await dumpRows(store);
    await store.close();
    return ACTORS.filter((actor) => pointerOf(rows, actor) !== undefined).length;
  }

  it("is frozen with a campaign, and every command about the campaign uses it without being told", async () => {
    const created = await ferry([
      "campaign",
      "create",
      "spring",
      "--scan",
      "--target",
      "depot",
      "--namespace",
      NAMESPACE_ID,
    ]);
    expect(created.status, created.stderr).to.equal(0);
    const shown = await ferry(["campaign", "show", "spring"]);
    expect(shown.stdout).to.include(`target depot, namespace ${NAMESPACE_ID}`);
    expect((await ferry(["campaign", "plan", "spring"])).stdout).to.match(/^migrated +2 /m);
    await ferry(["campaign", "start", "spring"]);
    await runCampaigns();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect(await pointers()).to.equal(2);

    expect((await ferry(["v2", "export", FIRST ?? "", folder.in("out")])).status).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(IMAGE));
    expect((await ferry(["verify", FIRST ?? ""])).status).to.equal(0);
    expect((await ferry(["inspect", FIRST ?? ""])).stdout).to.match(/^v2 bucket +live$/m);
    expect((await ferry(["rollback", FIRST ?? "", "--dry-run"])).status).to.equal(0);
    const verified = await ferry(["verify", "--campaign", "spring"]);
    expect([verified.status, verified.stderr]).to.deep.equal([0, "2 good, 0 bad.\n"]);
    const cleanup = await ferry(["cleanup", "--campaign", "spring", "--hold", "0s"]);
    expect(cleanup.stderr).to.equal("2 removable\n");
    const rollback = await ferry(["rollback", "--campaign", "spring", "--confirm", "spring"]);
    expect([rollback.status, rollback.stderr]).to.deep.equal([0, "2 rolled_back\n"]);
    expect(await pointers()).to.equal(0);

    const all = await ferry(["verify", "--campaign", "spring"]);
    expect([all.status, all.stderr]).to.deep.equal([0, "2 actors rolled back, and no other to verify.\n"]);
    await ferry(["enqueue", FIRST ?? "", "--force", "--target", "depot", "--namespace", NAMESPACE_ID]);
    await work();
    const again = await ferry(["verify", "--campaign", "spring"]);
    expect([again.status, again.stderr]).to.deep.equal([0, "1 good, 0 bad, 1 rolled back.\n"]);
  });

  it("goes with a campaign that is deleted: that says it, and its actors are cleaned up by their ids", async () => {
    const flags = ["--target", "depot", "--namespace", NAMESPACE_ID];
    await ferry(["campaign", "create", "spring", "--scan", "--start", ...flags]);
    await runCampaigns();
    await ferry(["campaign", "cancel", "spring"]);
    const deleted = await ferry(["campaign", "delete", "spring", "--confirm", "spring"]);
    expect(deleted.stderr).to.include(`ferry cleanup --from spring.txt ${flags.join(" ")}\n`);
    const list = { input: ACTORS.map(({ id }) => id).join("\n") };
    const cleanup = ["cleanup", "--from", "-", "--hold", "0s", "--delete"];
    expect((await ferry(cleanup, list)).stderr).to.match(/holds rows of Depot.*say --target depot/);
    const cleaned = await ferry([...cleanup, ...flags], list);
    expect([cleaned.status, cleaned.stderr]).to.deep.equal([0, "2 removed\n"]);
  });

  it("is not overruled by a worker's configuration, nor by a flag of a later command", async () => {
    await ferry(["campaign", "create", "spring", "--scan", "--target", "storage", "--start"]);
    for (const args of [
      ["verify", "--campaign", "spring", "--target", "depot"],
      ["campaign", "plan", "spring", "--target", "depot"],
    ]) {
      const { status, stderr } = await ferry(args);
      expect(status).to.equal(2);
      expect(stderr).to.match(/created with target storage: leave --target out/);
    }
    await runCampaigns("--target", "depot", "--namespace", NAMESPACE_ID);
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect(await pointers()).to.equal(0);
  });

  it("with auto is what the cluster holds when the campaign is created, and an error when that cannot be told", async () => {
    const create = (name: string, ...args: string[]): Promise<Ended> =>
      ferry(["campaign", "create", name, "--scan", ...args]);
    const empty = await create("none", "--target", "auto");
    expect(empty.status).to.equal(2);
    expect(empty.stderr).to.match(/holds no rows of either form/);
    expect((await ferry(["enqueue", "--scan", "--target", "auto"])).status).to.equal(2);
    await load(bucketRows(BUCKET_BRANCH));
    expect((await create("first", "--target", "auto")).status).to.equal(0);
    await load([STORAGE_ROW]);
    expect((await create("second", "--target", "auto")).stderr).to.match(/holds rows of both forms/);
    expect((await ferry(["campaign", "show", "first"])).stdout).to.include("target depot");
    const { stdout } = await ferry(["campaign", "list", "--json"]);
    expect(stdout.trimEnd().split("\n")).to.have.length(1);
  });

  it("is storage where nobody says anything, but never in a cluster that holds Depot", async () => {
    await ferry(["campaign", "create", "before", "--scan"]);
    expect((await ferry(["campaign", "show", "before"])).stdout).to.include("target storage");
    await load(bucketRows(BUCKET_BRANCH));
    const refused = await ferry(["campaign", "create", "after", "--scan"]);
    expect(refused.status).to.equal(2);
    expect(refused.stderr).to.match(/holds rows of Depot.*say --target depot, or --target storage/);
    const unsaid = "these jobs name no target: a worker that is told none fails them";
    expect((await ferry(["enqueue", FIRST ?? ""])).stderr).to.contain(unsaid);
    await work();
    expect(await outcomes()).to.deep.equal(["failed usage"]);
    expect((await ferry(["requeue", FIRST ?? ""])).stderr).to.contain(unsaid);
    expect((await ferry(["requeue", FIRST ?? "", "--target", "depot"])).stderr).not.to.contain("target");
    const told = await ferry(["enqueue", FIRST ?? ""], { env: { FERRY_TARGET: "depot" } });
    expect(told.stderr).not.to.contain("target");
  });

  it("comes with the job, and the image can be read with the same words", async () => {
    await ferry(["enqueue", "--scan", "--target", "depot", "--namespace", NAMESPACE_ID]);
    expect((await work()).status).to.equal(0);
    expect(await pointers()).to.equal(2);
    const words = ["--target", "depot", "--namespace", NAMESPACE_ID];
    expect((await ferry(["v2", "export", FIRST ?? "", folder.in("out"), ...words])).status).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(IMAGE));
    expect((await ferry(["verify", FIRST ?? "", ...words])).status).to.equal(0);
    const { stdout } = await ferry(["inspect", FIRST ?? "", "--namespace", NAMESPACE_ID]);
    for (const line of [
      /^v2 form +Depot$/m,
      new RegExp(`^namespace +${NAMESPACE_ID}$`, "m"),
      /^v2 bucket +live$/m,
      /^v2 branch +[0-9a-f]{32}, switched to by Ferry, not written since$/m,
      /^v2 size +3 pages, 12\.0 KiB$/m,
      /^v2 txids +head 1$/m,
      /^v2 rows +1 DELTA, 3 PIDX, 0 SHARD, 1 COMMITS, 1 VTX$/m,
      /^v2 quota +\d+ bytes used$/m,
      /^v2 next +the engine reads this database/m,
    ]) {
      expect(stdout).to.match(line);
    }
    const { depot } = JSON.parse(
      (await ferry(["inspect", FIRST ?? "", "--namespace", NAMESPACE_ID, "--json"])).stdout,
    ) as Record<string, unknown>;
    expect(depot).to.have.nested.include({ "database.headTxid": "1", "database.origin": "ferry" });
    expect((await ferry(["rollback", FIRST ?? "", ...words])).stdout).to.equal(`${FIRST ?? ""} rolled_back\n`);
  });

  it("is planned as a campaign ends, also where no job has looked at the actors' pools yet", async () => {
    const engine = [POOL_ROW, ...bucketRows(BUCKET_BRANCH), ...ACTORS.flatMap(sleepingActor)];
    await load(engine);
    const plan = ["campaign", "plan", "--scan", "--target", "depot"];
    expect((await ferry([...plan, "--runners-drained", "yes"])).stdout).to.match(/^migrated +2 /m);
    expect((await ferry(plan)).stdout).to.match(/^deferred +2 .*\n +pool_on_v1 +2$/m);
    await ferry(["campaign", "create", "spring", "--scan", "--target", "depot"]);
    expect((await ferry(["campaign", "plan", "spring", "--runners-drained", "yes"])).stdout).to.match(/^migrated +2 /m);
  });

  it("stays that of the campaign when its rejected actors are asked again, with a namespace this time", async () => {
    await ferry(["campaign", "create", "spring", "--scan", "--target", "depot", "--start"]);
    await runCampaigns();
    expect(await outcomes()).to.deep.equal(["rejected namespace_unknown", "rejected namespace_unknown"]);
    const again = await ferry(["requeue", "--reason", "namespace_unknown", "--namespace", NAMESPACE_ID]);
    expect(again.status, again.stderr).to.equal(0);
    expect((await work()).status).to.equal(0);
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect(await pointers()).to.equal(2);

    // From here on nobody says the namespace any more.
    expect((await ferry(["verify", "--campaign", "spring"])).stderr).to.equal("2 good, 0 bad.\n");
    expect((await ferry(["cleanup", "--campaign", "spring", "--hold", "0s"])).stderr).to.equal("2 removable\n");
    expect((await ferry(["v2", "export", FIRST ?? "", folder.in("out")])).status).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(IMAGE));
    const { stdout } = await ferry(["inspect", FIRST ?? ""]);
    expect(stdout).to.match(/^namespace +unknown\nv2 bucket +unknown\nv2 branch +[0-9a-f]{32}, switched to by Ferry/m);
    expect(stdout).to.match(/^v2 next +the engine reads this database/m);
    await ferry(["enqueue", "--scan", "--force", "--target", "depot"]);
    await work();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect((await ferry(["rollback", "--campaign", "spring", "--confirm", "spring"])).stderr).to.equal(
      "2 rolled_back\n",
    );
    expect(await pointers()).to.equal(0);
    expect((await ferry(["inspect", FIRST ?? ""])).stdout).to.match(/^v2 +no data$/m);
  });

  it("is that of the campaign however often its actors are asked again, also in the end", async () => {
    const worker = { FERRY_TARGET: "storage" };
    await load([...bucketRows(BUCKET_BRANCH), ...ACTORS.flatMap((actor) => fileRows(actor, TAG.journal, JOURNAL))]);
    const target = ["--target", "depot", "--namespace", NAMESPACE_ID];
    await ferry(["campaign", "create", "spring", "--scan", ...target, "--start"]);
    await runCampaigns();
    for (const [flags, outcome] of [
      [[], "rejected journal_present"],
      [["--journal", "rollback"], "migrated"],
    ] as const) {
      expect((await ferry(["requeue", FIRST ?? "", ...flags])).status).to.equal(0);
      await ferry(["worker", "--drain"], { env: worker });
      expect((await outcomes()).toSorted()).to.include(outcome);
    }
    expect(await pointers()).to.equal(1);
    for (const [args, says] of [
      [["verify", FIRST ?? ""], "1 good, 0 bad.\n"],
      [["verify", "--campaign", "spring"], "1 good, 0 bad.\n"],
      [["rollback", "--campaign", "spring", "--dry-run"], "1 would_roll_back\n"],
    ] as const) {
      const { status, stderr } = await ferry(args);
      expect([status, stderr]).to.deep.equal([0, says]);
    }
    expect((await ferry(["rejected", "list", "--campaign", "spring"])).stderr).to.match(/^1 actor\./m);
    const { stdout } = await ferry(["campaign", "list", "--json"]);
    expect(JSON.parse(stdout)).to.have.nested.include({ "counts.done.migrated.actors": 1 });
  });

  it("is kept with what was taken back to v1, which a campaign of a scan leaves there", async () => {
    const create = ["campaign", "create", "--scan", "--target", "storage", "--start"];
    await ferry([...create, "spring"]);
    await runCampaigns();
    await ferry(["rollback", FIRST ?? ""]);
    expect((await ferry(["campaign", "plan", "--scan"])).stdout).to.match(/^skipped +2 /m);
    await ferry([...create, "nightly"]);
    await runCampaigns();
    expect((await outcomes()).toSorted()).to.deep.equal(["migrated", "skipped rolled_back"]);
    const { stdout } = await ferry(["campaign", "plan", "--from", "-"], { input: FIRST ?? "" });
    expect(stdout).to.match(/^migrated +1 /m);
    await ferry(["campaign", "create", "named", "--from", "-", "--start"], { input: FIRST ?? "" });
    await runCampaigns();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
  });

  it("of another flag takes an actor out of the campaign, whose outcomes are all of one form", async () => {
    await load(ACTORS.flatMap((actor) => fileRows(actor, TAG.journal, JOURNAL)));
    await ferry(["campaign", "create", "spring", "--scan", "--target", "storage", "--start"]);
    await runCampaigns();
    const depot = ["--target", "depot", "--namespace", NAMESPACE_ID];
    expect((await ferry(["requeue", FIRST ?? "", "--journal", "rollback", ...depot])).status).to.equal(0);
    await work();
    expect(await pointers()).to.equal(1);
    expect((await ferry(["verify", "--campaign", "spring"])).stderr).to.equal("0 good, 0 bad.\n");
    expect((await ferry(["rejected", "list", "--campaign", "spring", "--json"])).stdout).not.to.include(FIRST);
  });

  it("has to be said when actors of different targets are asked again", async () => {
    await ferry(["campaign", "create", "spring", "--from", "-", "--target", "depot", "--start"], {
      input: FIRST ?? "",
    });
    await runCampaigns();
    await ferry(["enqueue", "--scan", "--target", "depot"]);
    await work();
    const again = ["requeue", "--reason", "namespace_unknown", "--namespace", NAMESPACE_ID];
    for (const args of [again, ["verify", ...ACTORS.map(({ id }) => id)]]) {
      const refused = await ferry(args);
      expect(refused.status).to.equal(2);
      expect(refused.stderr).to.match(/different targets: say --target/);
    }
    await ferry([...again, "--target", "depot"]);
    await work();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
  });

  it("need not be said for actors of a campaign and others where the configuration comes to the same", async () => {
    await ferry(["campaign", "create", "spring", "--from", "-", "--start"], { input: FIRST ?? "" });
    await runCampaigns();
    await ferry(["enqueue", "--scan"]);
    await work();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    const verify = ["verify", ...ACTORS.map(({ id }) => id)];
    const { status, stderr } = await ferry(verify);
    expect([status, stderr]).to.deep.equal([0, "2 good, 0 bad.\n"]);
    const other = await ferry(verify, { env: { FERRY_TARGET: "depot", FERRY_NAMESPACE: NAMESPACE_ID } });
    expect(other.stderr).to.match(/different targets: say --target/);
  });

  it("lets a job have its own limit of pages", async () => {
    await ferry(["enqueue", "--scan", "--target", "depot", "--namespace", NAMESPACE_ID, "--max-pages", "2"]);
    await work();
    expect(await outcomes()).to.deep.equal(["rejected too_many_pages", "rejected too_many_pages"]);
  });

  it("refuses a namespace that is none, and one without Depot", async () => {
    for (const args of [
      ["enqueue", "--scan", "--target", "depot"],
      ["campaign", "create", "spring", "--scan", "--target", "depot"],
      ["worker", "--drain"],
    ]) {
      const { status, stderr } = await ferry([...args, "--namespace", "default"]);
      expect(status, stderr).to.equal(2);
      expect(stderr).to.match(/--namespace "default" cannot be used: A namespace id has 30 characters/);
    }
    const pointless = await ferry(["campaign", "create", "spring", "--scan", "--namespace", NAMESPACE_ID]);
    expect(pointless.status).to.equal(2);
    expect(pointless.stderr).to.match(/--namespace goes with --target depot/);
  });

  it("keeps a worker from starting that is to tell it from a cluster that does not", async () => {
    const { status, stderr } = await work("--target", "auto");
    expect(status).to.equal(2);
    expect(stderr).to.match(/holds no rows of either form/);
  });

  it("leaves actors of an earlier campaign to the one that has brought them to Depot since", async () => {
    const depot = ["--target", "depot", "--namespace", NAMESPACE_ID];
    await ferry(["campaign", "create", "before", "--scan", "--start"]);
    await runCampaigns();
    await ferry(["campaign", "create", "after", "--from", "-", "--start", ...depot], { input: FIRST ?? "" });
    await runCampaigns();
    expect(await pointers()).to.equal(1);
    const said = async (...args: string[]): Promise<[Ended["status"], string]> => {
      const { status, stderr } = await ferry(args);
      return [status, stderr];
    };
    const cleanup = ["cleanup", "--hold", "0s", "--campaign"];
    expect(await said("verify", "--campaign", "before")).to.deep.equal([
      0,
      "1 good, 0 bad, 1 brought to Depot since.\n",
    ]);
    const deleted = [...cleanup, "before", "--delete", "--confirm", "before"];
    for (const args of [deleted, [...cleanup, "before"], ["cleanup", "--hold", "0s", "--delete", SECOND ?? ""]]) {
      const [status, stderr] = await said(...args);
      expect([status, stderr], args.join(" ")).to.deep.equal([2, stderr]);
      expect(stderr).to.match(/an engine that reads Depot has nothing of them but v1.*say --target storage/);
    }
    expect(await said(...deleted, "--target", "storage")).to.deep.equal([0, "1 superseded, 1 removed\n"]);
    expect(await said("rollback", "--campaign", "before", "--dry-run")).to.deep.equal([
      1,
      "1 superseded, 1 no_v1_data\n",
    ]);
    expect(await said(...cleanup, "after")).to.deep.equal([0, "1 removable\n"]);
    expect(await said("rollback", "--campaign", "after", "--confirm", "after")).to.deep.equal([0, "1 rolled_back\n"]);
    expect(await said(...cleanup, "before", "--target", "storage")).to.deep.equal([
      0,
      "1 not_migrated, 1 no_v1_data\n",
    ]);
  });

  describe("of an actor that v2's older form has newer data of", () => {
    const NEWER = sqliteImageOfPages(5);
    const [ACTOR = testActor(1)] = ACTORS;
    const depot = ["--target", "depot", "--namespace", NAMESPACE_ID];

    /** v2's older form has a later image than v1, and a head that says that it was written. */
    beforeEach(async () => {
      const newer = folder.in("newer");
      await writeFile(newer, NEWER);
      await ferry(["v1", "import", newer, "--actor", ACTOR.id, "--replace"]);
      await migrateHere(folder.store, ACTOR.id);
      const store = await openStore(folder.store);
      const rows = await dumpRows(store);
      await store.close();
      const [meta] = rows.filter(({ key }) => Buffer.from(key).includes("/META"));
      const head = { ...referenceHead(meta?.value.subarray(1) ?? new Uint8Array(0)), headTxid: 2n, nextTxid: 3n };
      await load(physicalRows(logicalKey(ACTOR, "/META"), encodeReferenceHead(head)));
      const older = folder.in("older");
      await writeFile(older, IMAGE);
      await ferry(["v1", "import", older, "--actor", ACTOR.id, "--replace"]);
    });

    async function rejected(): Promise<void> {
      await ferry(["campaign", "create", "spring", "--scan", "--start", ...depot]);
      const plan = await ferry(["campaign", "plan", "--scan", ...depot]);
      expect(plan.stdout).to.match(/^ +storage_v2_written +1$/m);
      await runCampaigns();
      expect((await outcomes()).sort()).to.deep.equal(["migrated", "rejected storage_v2_written"]);
    }

    async function exported(): Promise<string> {
      const result = await ferry(["v2", "export", ACTOR.id, folder.in("out")]);
      expect(result.status, result.stderr).to.equal(0);
      return sha256(await readFile(folder.in("out")));
    }

    it("rejects it, and brings it to Depot by the way that the runbook says", async () => {
      await rejected();
      expect((await ferry(["inspect", ACTOR.id])).stdout).to.match(/^v2 next +rejected storage_v2_written: /m);
      await ferry(["v2", "export", ACTOR.id, folder.in("saved"), "--target", "storage"]);
      const again = await ferry(["v1", "import", folder.in("saved"), "--actor", ACTOR.id, "--replace"]);
      expect(again.status, again.stderr).to.equal(0);
      const discarded = await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
      expect([discarded.status, discarded.stderr]).to.deep.equal([
        0,
        `2 rows written to ${folder.in("rows")}, and removed: ferry requeue ${ACTOR.id} migrates what v1 holds.\n`,
      ]);
      await ferry(["requeue", ACTOR.id]);
      await work();
      expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
      expect(await exported()).to.equal(sha256(NEWER));
    });

    it("brings it there as well where v1 was cleaned up", async () => {
      const store = await openStore(folder.store);
      await clearKeys(
        store,
        v1Rows(ACTOR, IMAGE).map(({ key }) => key),
      );
      await store.close();
      await ferry(["v2", "export", ACTOR.id, folder.in("saved")]);
      await ferry(["v1", "import", folder.in("saved"), "--actor", ACTOR.id]);
      await ferry(["enqueue", ACTOR.id, "--force", ...depot]);
      await work();
      expect(await outcomes()).to.deep.equal(["rejected storage_v2_written"]);
      await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
      await ferry(["requeue", ACTOR.id, ...depot]);
      await work();
      const result = await ferry(["v2", "export", ACTOR.id, folder.in("out"), ...depot]);
      expect(result.status, result.stderr).to.equal(0);
      expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(NEWER));
    });

    it("takes v1 instead, where that is decided, and keeps the rows in a file that can be loaded again", async () => {
      await rejected();
      const rows = folder.in("rows");
      await ferry(["v2", "discard", ACTOR.id, rows, "--reason-text", "v1 is right"], { env: { FERRY_USER: "ann" } });
      expect((await ferry(["inspect", ACTOR.id])).stdout).to.include(
        `written to ${rows}, and removed, by ann: v1 is right`,
      );
      await ferry(["requeue", ACTOR.id]);
      await work();
      expect(await exported()).to.equal(sha256(IMAGE));
      await load(parseRows(await readFile(folder.in("rows"), "utf8")));
      await ferry(["v2", "export", ACTOR.id, folder.in("saved"), "--target", "storage"]);
      expect(sha256(await readFile(folder.in("saved")))).to.equal(sha256(NEWER));
    });

    it("keeps the rows where nothing asks for them to go, where v1 has nothing, and while the actor is awake", async () => {
      const stays = async (why: RegExp): Promise<void> => {
        const refused = await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
        expect([refused.status, refused.stdout]).to.deep.equal([2, ""]);
        expect(refused.stderr).to.match(why);
        expect(existsSync(folder.in("rows"))).to.equal(false);
      };
      await stays(/last outcome is not rejected storage_v2_written/);
      await rejected();
      await ferry(["v1", "import", folder.in("older"), "--actor", ACTOR.id, "--replace", "--awake"]);
      await stays(/it is awake/);
      await ferry(["v1", "import", folder.in("older"), "--actor", ACTOR.id, "--replace", "--asleep"]);
      const store = await openStore(folder.store);
      await clearKeys(
        store,
        v1Rows(ACTOR, IMAGE).map(({ key }) => key),
      );
      await store.close();
      await stays(/v1 has no data/);
    });

    it("does not write over a file: it may be all that is left of another actor's rows", async () => {
      await rejected();
      await writeFile(folder.in("rows"), "another's");
      const refused = await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
      expect([refused.status, refused.stderr]).to.deep.equal([
        2,
        `ferry: Cannot write ${folder.in("rows")}: it exists already.\n`,
      ]);
      expect(await readFile(folder.in("rows"), "utf8")).to.equal("another's");
    });
  });
});
