import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { bucketRows, BUCKET_BRANCH, clearKeys, NAMESPACE_ID } from "../../support/depot-world.ts";
import { sha256 } from "../../support/reference.ts";
import { fileRows, lifeKey, lifeRow, TAG, testActor } from "../../support/v1-actors.ts";
import { ACTORS, DEPOT, FIRST, IMAGE, JOURNAL, SECOND, targetCommands } from "../../support/target-commands.ts";

describe("the target of actors that are asked again", function () {
  this.timeout(60_000);
  const { folder, ferry, load, work, runCampaigns, outcomes, pointers, onStore } = targetCommands();

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
    expect((await ferry(["v2", "export", FIRST, folder.in("out")])).status).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(IMAGE));
    const { stdout } = await ferry(["inspect", FIRST]);
    expect(stdout).to.match(/^namespace +unknown\nv2 bucket +unknown\nv2 branch +[0-9a-f]{32}, switched to by Ferry/m);
    expect(stdout).to.match(/^v2 next +the engine reads this database/m);
    await ferry(["enqueue", "--scan", "--force", "--target", "depot"]);
    await work();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect((await ferry(["rollback", "--campaign", "spring", "--confirm", "spring"])).stderr).to.equal(
      "2 rolled_back\n",
    );
    expect(await pointers()).to.equal(0);
    expect((await ferry(["inspect", FIRST])).stdout).to.match(/^v2 +no data$/m);
  });

  it("is that of the campaign however often its actors are asked again, also in the end", async () => {
    const worker = { FERRY_TARGET: "storage" };
    await load([...bucketRows(BUCKET_BRANCH), ...ACTORS.flatMap((actor) => fileRows(actor, TAG.journal, JOURNAL))]);
    await ferry(["campaign", "create", "spring", "--scan", ...DEPOT, "--start"]);
    await runCampaigns();
    for (const [flags, outcome] of [
      [[], "rejected journal_present"],
      [["--journal", "rollback"], "migrated"],
    ] as const) {
      expect((await ferry(["requeue", FIRST, ...flags])).status).to.equal(0);
      await ferry(["worker", "--drain"], { env: worker });
      expect((await outcomes()).toSorted()).to.include(outcome);
    }
    expect(await pointers()).to.equal(1);
    for (const [args, says] of [
      [["verify", FIRST], "1 good, 0 bad.\n"],
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

  it("is that of the campaign for an actor that it gave up, and the worker's for one of none", async () => {
    const [first = testActor(1)] = ACTORS;
    await load([...bucketRows(BUCKET_BRANCH), lifeRow(first, "CONNECTABLE")]);
    await ferry(["campaign", "create", "spring", "--from", "-", ...DEPOT, "--defer-limit", "1", "--start"], {
      input: FIRST,
    });
    await runCampaigns();
    expect(await outcomes()).to.deep.equal(["deferred actor_awake"]);
    await onStore((store) => clearKeys(store, [lifeKey(first, "CONNECTABLE")]));
    const unsaid = /these jobs name no target/;
    expect((await ferry(["enqueue", FIRST])).stderr).not.to.match(unsaid);
    expect((await ferry(["enqueue", SECOND])).stderr).to.match(unsaid);
    await ferry(["worker", "--drain"], { env: { FERRY_TARGET: "storage" } });
    expect([await outcomes(), await pointers()]).to.deep.equal([["migrated", "migrated"], 1]);
  });

  it("of another flag takes an actor out of the campaign, whose outcomes are all of one form", async () => {
    await load(ACTORS.flatMap((actor) => fileRows(actor, TAG.journal, JOURNAL)));
    await ferry(["campaign", "create", "spring", "--scan", "--target", "storage", "--start"]);
    await runCampaigns();
    expect((await ferry(["requeue", FIRST, "--journal", "rollback", ...DEPOT])).status).to.equal(0);
    await work();
    expect(await pointers()).to.equal(1);
    expect((await ferry(["verify", "--campaign", "spring"])).stderr).to.equal("0 good, 0 bad.\n");
    expect((await ferry(["rejected", "list", "--campaign", "spring", "--json"])).stdout).not.to.include(FIRST);
  });

  it("is that of its campaign for each actor that is requeued, and the worker's for one of none", async () => {
    await load(ACTORS.flatMap((actor) => fileRows(actor, TAG.journal, JOURNAL)));
    await load(bucketRows(BUCKET_BRANCH));
    await ferry(["campaign", "create", "spring", "--from", "-", ...DEPOT, "--start"], { input: FIRST });
    await runCampaigns();
    await ferry(["enqueue", SECOND, "--target", "storage"]);
    await work();
    expect(await outcomes()).to.deep.equal(["rejected journal_present", "rejected journal_present"]);
    const requeued = await ferry(["requeue", "--reason", "journal_present", "--journal", "rollback"]);
    expect([requeued.status, requeued.stdout]).to.deep.equal([0, "enqueued 2, already_queued 0, already_done 0\n"]);
    expect(requeued.stderr.match(/these jobs name no target/g)).to.have.lengthOf(1);
    await ferry(["worker", "--drain"], { env: { FERRY_TARGET: "storage" } });
    expect([await outcomes(), await pointers()]).to.deep.equal([["migrated", "migrated"], 1]);
    const { stdout } = await ferry(["campaign", "list", "--json"]);
    expect(JSON.parse(stdout)).to.have.nested.include({ "counts.done.migrated.actors": 1 });
  });

  it("is asked about before many are requeued, and not when they are on the queue", async () => {
    const many = Array.from({ length: 101 }, (_, n) => testActor(n + 10));
    await load([...bucketRows(BUCKET_BRANCH), ...many.flatMap((actor) => fileRows(actor, TAG.journal, JOURNAL))]);
    await ferry(["enqueue", "--scan", "--target", "storage"]);
    await work();
    const { status, stderr } = await ferry(["requeue", "--reason", "journal_present"]);
    expect(status).to.equal(2);
    expect(stderr).to.match(/these jobs name no target.*agree with --yes/s);
  });

  it("has to be said when actors of different targets are verified", async () => {
    await ferry(["campaign", "create", "spring", "--from", "-", "--target", "depot", "--start"], {
      input: FIRST,
    });
    await runCampaigns();
    await ferry(["enqueue", "--scan", "--target", "depot"]);
    await work();
    const refused = await ferry(["verify", ...ACTORS.map(({ id }) => id)]);
    expect(refused.status).to.equal(2);
    expect(refused.stderr).to.match(/different targets: say --target/);
  });

  it("need not be said for actors of a campaign and others where the configuration comes to the same", async () => {
    await ferry(["campaign", "create", "spring", "--from", "-", "--start"], { input: FIRST });
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
});
