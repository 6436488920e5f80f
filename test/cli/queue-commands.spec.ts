import { createServer } from "node:http";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { expect } from "chai";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { pollUntil } from "../../src/queue/polling.ts";
import { ferryHere, type Ended } from "../support/cli.ts";
import { TestRedis } from "../support/redis.ts";
import { formatRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { bytesOf, entryRows, lifeRow, syntheticImage, testActor, v1Rows, type Row } from "../support/v1-actors.ts";

const image = syntheticImage(3, "text");
const good = [1, 2, 3].map(testActor);
const damaged = testActor(4);
const awake = testActor(5);
const withoutV1 = testActor(6);

/** Three actors to migrate, one to reject, one that runs, one without v1 data; some have other keys around their database. */
function corpus(): Row[] {
  return [
    ...good.flatMap((actor) => v1Rows(actor, image)),
    ...good.flatMap((actor) => entryRows(actor, Uint8Array.of(1, 2), bytesOf("before the database"))),
    ...v1Rows(damaged, bytesOf("not a database", image)),
    ...entryRows(damaged, Uint8Array.of(9), bytesOf("behind the database")),
    ...v1Rows(awake, image),
    lifeRow(awake, "CONNECTABLE"),
    ...entryRows(withoutV1, Uint8Array.of(7), bytesOf("no database")),
    ...entryRows(withoutV1, Uint8Array.of(9), bytesOf("no database")),
  ];
}

describe("ferry's commands around the queue", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let redis: TestRedis;

  beforeEach(async () => {
    redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
    const { status } = await ferry(["store", "load", "-"], formatRows(corpus()));
    expect(status).to.equal(0);
  });

  afterEach(async () => {
    await redis.stop();
  });

  function ferry(args: readonly string[], input = "", options: Parameters<typeof ferryHere>[1] = {}): Promise<Ended> {
    const env = { FERRY_STORE: folder.store, FERRY_REDIS_URL: redis.url, FERRY_METRICS_PORT: "off" };
    return ferryHere(args, { ...options, env: { ...env, ...options.env }, input });
  }

  const work = (): Promise<Ended> => ferry(["worker", "--drain"]);

  async function counts(args: readonly string[], input = ""): Promise<unknown> {
    const { status, stdout, stderr } = await ferry([...args, "--json"], input);
    expect(status, stderr).to.equal(0);
    return JSON.parse(stdout);
  }

  async function outcomes(...args: readonly string[]): Promise<Record<string, unknown>[]> {
    const { stdout } = await ferry(["outcomes", "--json", ...args]);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  const answer = (enqueued: number, alreadyQueued: number, alreadyDone: number): unknown => ({
    enqueued,
    already_queued: alreadyQueued,
    already_done: alreadyDone,
    queued_after_active: 0,
  });

  it("logs as JSON what libraries write to the console too, and which version runs", async () => {
    // Redis asks for none, of which its client warns.
    const env = { FERRY_REDIS_PASSWORD: "unasked", FERRY_LOG_FORMAT: "json", FERRY_REVISION: "4f1c" };
    const { stderr } = await ferry(["worker", "--drain"], "", { env });
    const lines = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.find(({ event }) => event === "worker.started")).to.include({ version: "0.1.0", revision: "4f1c" });
    const said = lines.filter(({ event }) => event === "library.said");
    expect(said[0]).to.include({ severity: "WARN" });
    expect(said[0]?.["said"]).to.contain("does not require a password");
    expect(stderr).not.to.contain("unasked");
  });

  it("find by --scan exactly the actors with v1 data, and say what became of each request", async () => {
    expect(await counts(["enqueue", "--scan"])).to.deep.equal(answer(5, 0, 0));
    expect(await counts(["enqueue", "--scan"])).to.deep.equal(answer(0, 5, 0));
    expect((await work()).status).to.equal(1);
    // The one that is awake has a job that comes back.
    expect(await counts(["enqueue", "--scan"])).to.deep.equal(answer(0, 1, 4));
    expect(await counts(["enqueue", "--scan", "--force"])).to.deep.equal(answer(4, 1, 0));
  });

  it("migrate an actor with --force that was rolled back, and not without", async () => {
    const [id = ""] = good.map((actor) => actor.id);
    await ferry(["enqueue", id]);
    await work();
    expect((await ferry(["rollback", id])).status).to.equal(0);
    for (const [flags, state] of [
      [[], "skipped"],
      [["--force"], "migrated"],
    ] as const) {
      await ferry(["enqueue", id, ...flags]);
      await work();
      expect((await outcomes()).map((outcome) => outcome["state"])).to.deep.equal([state]);
    }
  });

  it("take ids as arguments and from a list with blank lines and comments, in any case", async () => {
    const [a, b, c] = good.map(({ id }) => id);
    await writeFile(folder.in("ids"), `# three\n\n${a?.toUpperCase() ?? ""}  # one\r\n${b ?? ""}\n`);
    expect(await counts(["enqueue", c ?? "", "--from", folder.in("ids")])).to.deep.equal(answer(3, 0, 0));
    expect(await counts(["enqueue", "--from", "-"], `${a ?? ""}\n`)).to.deep.equal(answer(0, 1, 0));
  });

  it("count an actor once that is named twice, as an argument and in a list", async () => {
    const [a = "", b = ""] = good.map(({ id }) => id);
    expect(await counts(["enqueue", a, a.toUpperCase(), b, "--from", "-"], `${a}\n`)).to.deep.equal(answer(2, 0, 0));
  });

  it("count an actor once that a scan finds as well", async () => {
    const [a = ""] = good.map(({ id }) => id);
    const { enqueued } = (await counts(["enqueue", "--scan"])) as { enqueued: number };
    expect(await counts(["enqueue", a, "--scan"])).to.deep.equal(answer(0, enqueued, 0));
  });

  it("say in words as well, and warn when nobody works", async () => {
    const { status, stdout, stderr } = await ferry(["enqueue", damaged.id]);
    expect({ status, stdout }).to.deep.equal({
      status: 0,
      stdout: "enqueued 1, already_queued 0, already_done 0\n",
    });
    expect(stderr).to.match(/No worker is connected: start one with ferry worker/);
  });

  it("record outcomes as documented", async () => {
    await ferry(["enqueue", "--scan"]);
    const { status, stdout, stderr } = await work();
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: "" });
    expect(stderr).to.include('"event":"actor.rejected"').and.to.include('"migrated":3,"skipped":0,"rejected":1');
    expect(stderr, "a line for every actor that is done").not.to.include('"event":"actor.migrated"');
    const found = await outcomes();
    expect(found.map(({ state }) => state).sort()).to.deep.equal([
      "deferred",
      "migrated",
      "migrated",
      "migrated",
      "rejected",
    ]);
    const [migrated] = found.filter(({ actorId }) => actorId === good[0]?.id);
    expect(Object.keys(migrated ?? {})).to.deep.equal([
      "actorId",
      "state",
      "pages",
      "bytes",
      "sha256",
      "layout",
      "attempts",
      "finishedAt",
    ]);
    expect(migrated).to.include({
      state: "migrated",
      pages: 3,
      bytes: 12_288,
      layout: DEFAULT_MIGRATION_OPTIONS.layout,
      attempts: 1,
    });
    const [rejected] = await outcomes("--state", "rejected");
    expect(Object.keys(rejected ?? {})).to.deep.equal([
      "actorId",
      "state",
      "reason",
      "detail",
      "attempts",
      "finishedAt",
    ]);
    expect(rejected).to.include({ actorId: damaged.id, reason: "magic_mismatch" });
    expect(await outcomes("--reason", "actor_awake")).to.have.length(1);
    expect(await outcomes("--state", "rejected", "--reason", "chunk_missing")).to.deep.equal([]);
    const table = (await ferry(["outcomes"])).stdout.trimEnd().split("\n");
    expect(table).to.have.length(6);
    expect(Math.max(...table.map((line) => line.length))).to.be.at.most(80);
  });

  it("let a job's own options win", async () => {
    await ferry(["enqueue", good[0]?.id ?? "", "--layout", "delta"]);
    await ferry(["enqueue", good[1]?.id ?? "", "--max-bytes", "8KiB"]);
    await work();
    expect(await outcomes("--state", "migrated")).to.have.nested.property("[0].layout", "delta");
    expect(await outcomes("--state", "rejected")).to.have.nested.property("[0].reason", "too_large");
  });

  it("ask rejected actors again by reason, state or id, and leave others alone", async () => {
    await ferry(["enqueue", "--scan"]);
    await work();
    const dry = await ferry(["requeue", "--reason", "magic_mismatch", "--dry-run"]);
    expect(dry.stdout).to.equal("would requeue 1 rejected magic_mismatch\n");
    expect(await counts(["requeue", "--reason", "chunk_missing"])).to.deep.equal(answer(0, 0, 0));
    expect(await counts(["requeue", "--state", "rejected", "--limit", "0"])).to.deep.equal(answer(0, 0, 0));
    expect(await counts(["requeue", "--reason", "magic_mismatch"])).to.deep.equal(answer(1, 0, 0));
    const mixed = await ferry(["requeue", damaged.id, good[0]?.id ?? ""]);
    expect(mixed.stdout).to.equal("enqueued 0, already_queued 1, already_done 0\n");
    expect(mixed.stderr).to.match(/^1 of the given actors are neither rejected nor failed/m);
    expect(mixed.stderr).to.match(/deferred ones are asked again by ferry enqueue, skipped ones by .* --force\.$/m);
    await work();
    expect(await outcomes("--state", "rejected")).to.have.nested.property("[0].attempts", 2);
    expect((await ferry(["inspect", damaged.id])).stdout).to.match(/^before +rejected magic_mismatch/m);
  });

  it("say when no outcome at all has the reason that is asked for: it may be misspelt", async () => {
    await ferry(["enqueue", "--scan"]);
    await work();
    const said = async (...args: string[]): Promise<string> => {
      const { status, stderr } = await ferry(args);
      expect(status).to.equal(0);
      return stderr;
    };
    const typo = 'No outcome has the reason "magic_mismach"';
    for (const args of [["outcomes"], ["outcomes", "--json"], ["requeue"], ["requeue", "--dry-run"]]) {
      expect(await said(...args, "--reason", "magic_mismach"), args.join(" ")).to.contain(typo);
    }
    expect(await said("outcomes", "--state", "failed", "--reason", "magic_mismatch")).to.equal("0 outcomes.\n");
    expect(await said("requeue", "--reason", "actor_awake", "--dry-run")).to.equal("");
  });

  it("wait for outcomes, show how far they are, and mirror them in the exit status", async () => {
    const waiting = ferry(["enqueue", "--scan", "--wait"]);
    await jobs(5);
    await work();
    const { status, stdout, stderr } = await waiting;
    expect(status).to.equal(1);
    expect(stdout).to.match(/^enqueued 5, /);
    expect(stdout)
      .to.match(/rejected +magic_mismatch +1/)
      .and.to.match(/migrated +3/);
    expect(stderr)
      .to.match(/^4 of 5 actors 1 rejected, 1 deferred/m)
      .and.to.match(/^Deferred: 1\./m);
  });

  it("wait with status 0 when all went well, also for what was migrated before", async () => {
    const ids = good.map(({ id }) => id);
    await ferry(["enqueue", ids[0] ?? ""]);
    await work();
    const waiting = ferry(["enqueue", ...ids, "--force", "--wait", "--json"]);
    await jobs(3);
    await work();
    const { status, stdout } = await waiting;
    expect(status).to.equal(0);
    expect(JSON.parse(stdout)).to.include({ enqueued: 3, migrated: 3, rejected: 0, pending: 0 });
  });

  it("say how far they came when they are interrupted, and go on from there", async () => {
    for (const [args, after] of [
      [["--window", "2"], ", after enqueued 2, already_queued 0, already_done 0"],
      [["--window", "2"], ""],
      [["--window", "4", "--wait"], ", after enqueued 2, already_queued 2, already_done 0"],
    ] as const) {
      const stopped = await ferry(["enqueue", "--scan", ...args], "", { interruptAt: "stderr" });
      expect(stopped.status).to.equal(130);
      expect(stopped.stderr).to.include(`Stopped in the middle${after}: the same command goes on from there.\n`);
    }
    expect(await counts(["enqueue", "--scan"])).to.include({ enqueued: 1, already_queued: 4 });
  });

  it("leave no more than the window waiting", async () => {
    const adding = ferry(["enqueue", "--scan", "--window", "2"]);
    await jobs(2);
    expect((await work()).status).to.be.oneOf([0, 1]);
    await work();
    const { stdout, stderr } = await adding;
    expect(stdout).to.equal("enqueued 5, already_queued 0, already_done 0\n");
    expect(stderr).to.match(/^2 jobs wait on the queue; the rest follows/m);
  });

  it("refuse a Redis that evicts, with the command that mends it", async () => {
    await redis.stop();
    redis = await TestRedis.start({ args: ["--maxmemory-policy", "allkeys-lru"] });
    for (const args of [
      ["worker", "--drain"],
      ["enqueue", "--scan"],
    ]) {
      const { status, stderr } = await ferry(args);
      expect(status).to.equal(3);
      expect(stderr).to.match(/CONFIG SET maxmemory-policy noeviction/);
    }
  });

  it("do not fail over a default metrics port that is taken, but over one that was asked for", async () => {
    const occupant = createServer().listen(9464, "127.0.0.1");
    // Somebody else may have it already, which is as good.
    await once(occupant, "listening").catch(() => undefined);
    const env = { FERRY_STORE: folder.store, FERRY_REDIS_URL: redis.url };
    const byDefault = await ferryHere(["worker", "--drain"], { env });
    expect(byDefault.status).to.equal(0);
    expect(byDefault.stderr).to.include("metrics.port_taken");
    const asked = await ferryHere(["worker", "--drain", "--metrics-port", "9464"], { env });
    expect(asked.status).to.equal(3);
    expect(asked.stderr).to.match(/^ferry: Metrics cannot be served on 127\.0\.0\.1:9464/m);
    occupant.close();
  });

  /** Until so many jobs wait. */
  async function jobs(waiting: number): Promise<void> {
    const queue = await MigrationQueue.open({ url: redis.url, prefix: "ferry" });
    await pollUntil(async () => ((await queue.counts()).waiting >= waiting ? true : undefined), { pollMs: 20 });
    await queue.close();
  }
});
