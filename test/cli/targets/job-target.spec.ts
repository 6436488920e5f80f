import { readFile } from "node:fs/promises";
import { expect } from "chai";
import { NAMESPACE_ID } from "../../support/depot-world.ts";
import { sha256 } from "../../support/reference.ts";
import { DEPOT, FIRST, IMAGE, targetCommands } from "../../support/target-commands.ts";

describe("the target of a job", function () {
  this.timeout(60_000);
  const { folder, ferry, work, outcomes, pointers } = targetCommands();

  it("comes with the job, and the image can be read with the same words", async () => {
    await ferry(["enqueue", "--scan", ...DEPOT]);
    expect((await work()).status).to.equal(0);
    expect(await pointers()).to.equal(2);
    expect((await ferry(["v2", "export", FIRST, folder.in("out"), ...DEPOT])).status).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(IMAGE));
    expect((await ferry(["verify", FIRST, ...DEPOT])).status).to.equal(0);
    const { stdout } = await ferry(["inspect", FIRST, "--namespace", NAMESPACE_ID]);
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
      (await ferry(["inspect", FIRST, "--namespace", NAMESPACE_ID, "--json"])).stdout,
    ) as Record<string, unknown>;
    expect(depot).to.have.nested.include({ "database.headTxid": "1", "database.origin": "ferry" });
    expect((await ferry(["rollback", FIRST, ...DEPOT])).stdout).to.equal(`${FIRST} rolled_back\n`);
  });

  it("lets a job have its own limit of pages", async () => {
    await ferry(["enqueue", "--scan", ...DEPOT, "--max-pages", "2"]);
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
});
