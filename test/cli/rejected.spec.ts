import { readFile, stat, writeFile } from "node:fs/promises";
import { expect } from "chai";
import { ledger } from "../../src/campaign/ledger/ledger.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { pollUntil } from "../../src/queue/polling.ts";
import { openStore } from "../../src/store/open-store.ts";
import { ferryHere, type Ended } from "../support/cli.ts";
import { freePort, TestRedis } from "../support/redis.ts";
import { formatRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { bytesOf, fileRows, syntheticImage, TAG, testActor, v1Rows } from "../support/v1-actors.ts";

const image = syntheticImage(3, "text");
/** Their journals are not hot: with `--journal rollback` they migrate. */
const withJournal = [1, 2, 3].map(testActor);
const damaged = [4, 5].map(testActor);
const [first, second, third] = withJournal.map(({ id }): string => id) as [string, string, string];
const broken = damaged.map(({ id }): string => id) as [string, string];
const JOURNAL = ["--reason", "journal_present", "--journal", "rollback"];

describe("ferry rejected, waive and requeue", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();
  let redis: TestRedis;

  before(async () => {
    redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
  });

  after(async () => {
    await redis.stop();
  });

  beforeEach(async () => {
    await ferry(
      ["store", "load", "-"],
      formatRows([
        ...withJournal.flatMap((actor) => [
          ...v1Rows(actor, image),
          ...fileRows(actor, TAG.journal, new Uint8Array(512)),
        ]),
        ...damaged.flatMap((actor) => v1Rows(actor, bytesOf("not a database", image.subarray(14)))),
      ]),
    );
    await ferry(["enqueue", "--scan"]);
    await work();
  });

  function ferry(args: readonly string[], input = ""): Promise<Ended> {
    const env = {
      FERRY_STORE: folder.store,
      FERRY_REDIS_URL: redis.url,
      FERRY_METRICS_PORT: "off",
      FERRY_USER: "ada",
    };
    return ferryHere(args, { env, input });
  }

  const work = (): Promise<Ended> => ferry(["worker", "--drain"]);

  async function json(args: readonly string[]): Promise<Record<string, unknown>[]> {
    const { stdout, status, stderr } = await ferry([...args, "--json"]);
    expect(status, stderr).to.equal(0);
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  async function waiting(count: number): Promise<void> {
    const queue = await MigrationQueue.open({ url: redis.url, prefix: "ferry" });
    await pollUntil(async () => ((await queue.counts()).waiting >= count ? true : undefined), { pollMs: 20 });
    await queue.close();
  }

  it("list page by page, group by cause, and show an actor with its runbook", async () => {
    const whole = await json(["rejected", "list"]);
    expect(whole).to.have.length(5);
    const page = await ferry(["rejected", "list", "--json", "--limit", "3"]);
    const [, place = ""] = /--after (\S+)/.exec(page.stderr) ?? [];
    const rest = await json(["rejected", "list", "--after", place]);
    expect([
      ...page.stdout
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
      ...rest,
    ]).to.deep.equal(whole);
    expect(await json(["rejected", "list", "--min-bytes", "13KB"])).to.deep.equal([]);
    expect(await json(["rejected", "list", "--older-than", "1h"])).to.deep.equal([]);
    expect(await json(["rejected", "list", "--newer-than", "1h", "--reason", "magic_mismatch"])).to.have.length(2);
    const groups = await json(["rejected", "group"]);
    expect(groups.map(({ reason, actors, bytes }) => [reason, actors, bytes])).to.deep.equal([
      ["journal_present", 3, 3 * image.length],
      ["magic_mismatch", 2, 2 * image.length],
    ]);
    const shown = (await ferry(["rejected", "group"])).stdout.split("\n");
    expect(Math.max(...shown.map((line) => line.length))).to.be.at.most(80);
    const { stdout } = await ferry(["rejected", "show", first]);
    expect(stdout).to.match(/^runbook +docs\/runbooks\/journal_present\.md$/m);
    expect(stdout).to.match(new RegExp(`^can do +ferry requeue ${first} --journal rollback`, "m"));
    const table = (await ferry(["rejected", "list"])).stdout.trimEnd().split("\n");
    expect(Math.max(...table.map((line) => line.length))).to.be.at.most(80);
    expect((await ferry(["rejected", "list", "--fingerprint", "x"])).status).to.equal(2);
    for (const command of ["list", "group"]) {
      const misspelt = await ferry(["rejected", command, "--reason", "magic_mismach"]);
      expect(misspelt.status).to.equal(0);
      expect(misspelt.stderr).to.match(/^No outcome has the reason "magic_mismach"/);
    }
  });

  it("export evidence that inspect --bundle reads, and refuse a damaged bundle with one sentence", async () => {
    const file = folder.in("evidence.json");
    expect((await ferry(["rejected", "export", first, "-o", file])).status).to.equal(0);
    expect((await stat(file)).mode & 0o077).to.equal(0);
    const text = await readFile(file, "utf8");
    expect((await ferry(["rejected", "export", first])).stdout.length).to.equal(text.length);
    const shown = await ferry(["inspect", "--bundle", file]);
    expect(shown.stdout).to.match(/^files journal header +The journal starts with a zero/m);
    await writeFile(file, text.slice(0, -200));
    const { status, stdout, stderr } = await ferry(["inspect", "--bundle", file]);
    expect({ status, stdout }).to.deep.equal({ status: 1, stdout: "" });
    expect(stderr).to.match(/^ferry: The evidence bundle is damaged or cut off \(line: \d+\)\.\n$/);
    expect((await ferry(["inspect"])).status).to.equal(2);
  });

  it("requeue by cause with options for these jobs only, canaries first", async () => {
    const running = ferry(["requeue", ...JOURNAL, "--canary", "1"]);
    await waiting(1);
    await work();
    const { status, stderr, stdout } = await running;
    expect(status, stderr).to.equal(0);
    expect(stderr).to.match(/^1 of 1 canaries migrated; the rest follows\.$/m);
    expect(stdout).to.match(/^enqueued 2, /m);
    await work();
    expect(await json(["outcomes", "--state", "migrated"])).to.have.length(3);
    expect(await json(["rejected", "list"])).to.have.length(2);
  });

  it("send nothing after canaries that did not migrate", async () => {
    const running = ferry(["requeue", "--state", "rejected", "--canary", "2"]);
    await waiting(2);
    await work();
    const { status, stderr } = await running;
    expect(status).to.equal(1);
    expect(stderr).to.match(/^2 of 2 canaries did not migrate, so the rest was not requeued\.$/m);
    const attempts = (await json(["rejected", "list"])).map((outcome) => outcome["attempts"]);
    expect(attempts.sort()).to.deep.equal([1, 1, 1, 2, 2]);
  });

  it("only count with --dry-run, and take a fingerprint", async () => {
    const [group] = await json(["rejected", "group", "--reason", "magic_mismatch"]);
    const args = ["requeue", "--fingerprint", String(group?.["fingerprint"])];
    expect((await ferry([...args, "--dry-run"])).stdout).to.equal("would requeue 2 rejected magic_mismatch\n");
    expect(await json(args)).to.deep.equal([
      { enqueued: 2, already_queued: 0, already_done: 0, queued_after_active: 0 },
    ]);
    const again = await ferry(args);
    expect(again.stdout).to.match(/^enqueued 0, already_queued 2/);
    expect(again.stderr).to.match(/^2 are queued already, and will be done as asked for now: \S+ \S+$/m);
    await work();
  });

  it("refuse a campaign that is not there, and find what one left that was deleted", async () => {
    const none = 'ferry: There is no campaign "none"; ferry campaign list shows those there are.\n';
    const away = ["--redis", `redis://127.0.0.1:${await freePort()}`];
    for (const args of [
      ["requeue", ...away],
      ["requeue", first],
      ["requeue", "--dry-run"],
      ["rejected", "list"],
      ["rejected", "group"],
    ]) {
      const refused = await ferry([...args, "--campaign", "none"]);
      expect(refused, args.join(" ")).to.deep.equal({ status: 2, stdout: "", stderr: none });
    }
    const store = await openStore(folder.store);
    const outcome = { actorId: testActor(9).id, state: "failed", reason: "worker_lost", campaign: "spring" } as const;
    await store.transact(async (tx) => {
      await Promise.resolve();
      ledger.write(tx, { ...outcome, attempts: 1, finishedAt: "2026-01-01T00:00:00.000Z" }, undefined);
    });
    await store.close();
    const left = await ferry(["requeue", "--campaign", "spring", "--dry-run"]);
    expect([left.status, left.stdout]).to.deep.equal([0, "would requeue 1 failed worker_lost\n"]);
    expect((await ferry(["rejected", "list", "--campaign", "spring", "--state", "failed"])).status).to.equal(0);
  });

  it("ask before more than 100 actors", async () => {
    const store = await openStore(folder.store);
    await store.transact(async (tx) => {
      await Promise.resolve();
      for (let n = 0; n < 101; n += 1) {
        const outcome = { actorId: testActor(1_000 + n).id, state: "failed", reason: "worker_lost" } as const;
        ledger.write(tx, { ...outcome, attempts: 1, finishedAt: "2026-01-01T00:00:00.000Z" }, undefined);
      }
    });
    await store.close();
    const { status, stderr } = await ferry(["requeue", "--state", "failed"]);
    expect(status).to.equal(2);
    expect(stderr).to.match(/101 actors would be requeued, nothing was: agree with --yes/);
    expect((await ferry(["requeue", "--state", "failed", "--limit", "1"])).stdout).to.match(/^enqueued 1,/);
    expect((await ferry(["requeue", "--state", "failed", "--yes"])).stdout).to.match(/^enqueued 100, already_queued 1/);
    await work();
  });

  it("leave alone what is rejected after the command began, as by a canary of its own", async () => {
    const store = await openStore(folder.store);
    await store.transact(async (tx) => {
      await Promise.resolve();
      const outcome = { actorId: testActor(9).id, state: "failed", reason: "worker_lost", attempts: 1 } as const;
      ledger.write(tx, { ...outcome, finishedAt: new Date(Date.now() + 3_600_000).toISOString() }, undefined);
    });
    await store.close();
    const { stdout } = await ferry(["requeue", "--state", "failed", "--dry-run"]);
    expect(stdout).to.equal("would requeue 0\n");
    const { stderr } = await ferry(["requeue", testActor(9).id, "--dry-run"]);
    expect(stderr).to.match(/^1 of the given actors are neither/m);
  });

  it("waive actors until that is taken back", async () => {
    const [a, b] = broken;
    expect((await ferry(["waive", a])).stderr).to.match(/A waiver needs its reason/);
    expect((await ferry(["waive", a, "--reason-text", "nobody's"])).status).to.equal(0);
    expect((await json(["rejected", "list", "--reason", "magic_mismatch"])).map((o) => o["actorId"])).to.deep.equal([
      b,
    ]);
    expect((await json(["outcomes", "--reason", "waived"])).map((o) => o["actorId"])).to.deep.equal([a]);
    expect((await ferry(["requeue", a, second, third, "--dry-run"])).stderr).to.match(
      /^1 of the given actors are waived/m,
    );
    const enqueued = ferry(["enqueue", a, "--force", "--wait"]);
    await waiting(1);
    await work();
    expect((await enqueued).status).to.equal(0);
    expect((await ferry(["rejected", "show", a])).stdout).to.match(/^decision +waived at \S+ by ada: nobody's$/m);
    expect((await ferry(["unwaive", a, b])).status).to.equal(1);
    expect(await json(["rejected", "list", "--reason", "magic_mismatch"])).to.have.length(2);
  });
});
