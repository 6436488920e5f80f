import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { bucketRows, BUCKET_BRANCH, NAMESPACE_ID, POOL_ROW, sleepingActor } from "../../support/depot-world.ts";
import type { Ended } from "../../support/cli.ts";
import { sha256 } from "../../support/reference.ts";
import { STORAGE_ROW } from "../../support/storage-row.ts";
import { ACTORS, DEPOT, FIRST, IMAGE, SECOND, targetCommands } from "../../support/target-commands.ts";

describe("the target of a campaign", function () {
  this.timeout(60_000);
  const { folder, ferry, load, work, runCampaigns, outcomes, pointers } = targetCommands();

  it("is frozen with a campaign, and every command about the campaign uses it without being told", async () => {
    const created = await ferry(["campaign", "create", "spring", "--scan", ...DEPOT]);
    expect(created.status, created.stderr).to.equal(0);
    const shown = await ferry(["campaign", "show", "spring"]);
    expect(shown.stdout).to.include(`target depot, namespace ${NAMESPACE_ID}`);
    expect((await ferry(["campaign", "plan", "spring"])).stdout).to.match(/^migrated +2 /m);
    await ferry(["campaign", "start", "spring"]);
    await runCampaigns();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect(await pointers()).to.equal(2);

    expect((await ferry(["v2", "export", FIRST, folder.in("out")])).status).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(IMAGE));
    expect((await ferry(["verify", FIRST])).status).to.equal(0);
    expect((await ferry(["inspect", FIRST])).stdout).to.match(/^v2 bucket +live$/m);
    expect((await ferry(["rollback", FIRST, "--dry-run"])).status).to.equal(0);
    const verified = await ferry(["verify", "--campaign", "spring"]);
    expect([verified.status, verified.stderr]).to.deep.equal([0, "2 good, 0 bad.\n"]);
    const cleanup = await ferry(["cleanup", "--campaign", "spring", "--hold", "0s"]);
    expect(cleanup.stderr).to.equal("2 removable\n");
    const rollback = await ferry(["rollback", "--campaign", "spring", "--confirm", "spring"]);
    expect([rollback.status, rollback.stderr]).to.deep.equal([0, "2 rolled_back\n"]);
    expect(await pointers()).to.equal(0);

    const all = await ferry(["verify", "--campaign", "spring"]);
    expect([all.status, all.stderr]).to.deep.equal([0, "2 actors rolled back, and no other to verify.\n"]);
    await ferry(["enqueue", FIRST, "--force", ...DEPOT]);
    await work();
    const again = await ferry(["verify", "--campaign", "spring"]);
    expect([again.status, again.stderr]).to.deep.equal([0, "1 good, 0 bad, 1 rolled back.\n"]);
  });

  it("goes with a campaign that is deleted: that says it, and its actors are cleaned up by their ids", async () => {
    await ferry(["campaign", "create", "spring", "--scan", "--start", ...DEPOT]);
    await runCampaigns();
    await ferry(["campaign", "cancel", "spring"]);
    const deleted = await ferry(["campaign", "delete", "spring", "--confirm", "spring"]);
    expect(deleted.stderr).to.include(`ferry cleanup --from spring.txt ${DEPOT.join(" ")}\n`);
    const list = { input: ACTORS.map(({ id }) => id).join("\n") };
    const cleanup = ["cleanup", "--from", "-", "--hold", "0s", "--delete"];
    expect((await ferry(cleanup, list)).stderr).to.match(/holds rows of Depot.*say --target depot/);
    const cleaned = await ferry([...cleanup, ...DEPOT], list);
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
    await runCampaigns(...DEPOT);
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
    expect((await ferry(["enqueue", FIRST])).stderr).to.contain(unsaid);
    await work();
    expect(await outcomes()).to.deep.equal(["failed usage"]);
    expect((await ferry(["requeue", FIRST])).stderr).to.contain(unsaid);
    expect((await ferry(["requeue", FIRST, "--target", "depot"])).stderr).not.to.contain("target");
    const told = await ferry(["enqueue", FIRST], { env: { FERRY_TARGET: "depot" } });
    expect(told.stderr).not.to.contain("target");
  });

  it("is planned as a campaign ends, also where no job has looked at the actors' pools yet", async () => {
    await load([POOL_ROW, ...bucketRows(BUCKET_BRANCH), ...ACTORS.flatMap(sleepingActor)]);
    const plan = ["campaign", "plan", "--scan", "--target", "depot"];
    expect((await ferry([...plan, "--runners-drained", "yes"])).stdout).to.match(/^migrated +2 /m);
    expect((await ferry(plan)).stdout).to.match(/^deferred +2 .*\n +pool_on_v1 +2$/m);
    await ferry(["campaign", "create", "spring", "--scan", "--target", "depot"]);
    expect((await ferry(["campaign", "plan", "spring", "--runners-drained", "yes"])).stdout).to.match(/^migrated +2 /m);
  });

  it("is kept with what was taken back to v1, which a campaign of a scan leaves there", async () => {
    const create = ["campaign", "create", "--scan", "--target", "storage", "--start"];
    await ferry([...create, "spring"]);
    await runCampaigns();
    await ferry(["rollback", FIRST]);
    expect((await ferry(["campaign", "plan", "--scan"])).stdout).to.match(/^skipped +2 /m);
    await ferry([...create, "nightly"]);
    await runCampaigns();
    expect((await outcomes()).toSorted()).to.deep.equal(["migrated", "skipped rolled_back"]);
    const { stdout } = await ferry(["campaign", "plan", "--from", "-"], { input: FIRST });
    expect(stdout).to.match(/^migrated +1 /m);
    await ferry(["campaign", "create", "named", "--from", "-", "--start"], { input: FIRST });
    await runCampaigns();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
  });

  it("leaves actors of an earlier campaign to the one that has brought them to Depot since", async () => {
    await ferry(["campaign", "create", "before", "--scan", "--start"]);
    await runCampaigns();
    await ferry(["campaign", "create", "after", "--from", "-", "--start", ...DEPOT], { input: FIRST });
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
    for (const args of [deleted, [...cleanup, "before"], ["cleanup", "--hold", "0s", "--delete", SECOND]]) {
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
});
