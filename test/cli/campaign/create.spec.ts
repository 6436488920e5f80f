import { writeFile } from "node:fs/promises";
import { expect } from "chai";
import { todoKey } from "../../../src/campaign/campaign-keys.ts";
import { readCampaign, writeCampaign } from "../../../src/campaign/campaign-store.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { campaignCommands, IDS } from "../../support/campaign-commands.ts";
import type { Ended } from "../../support/cli.ts";

describe("ferry campaign create", function () {
  this.timeout(60_000);
  const { folder, run, campaign, json, seed, runToEnd } = campaignCommands();

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

  it("says that nobody takes part in a campaign of an empty list, or of a reason that nothing has", async () => {
    expect((await run(["campaign", "create", "none", "--from", "-"], "# none\n")).stderr).to.contain(
      "the list holds none",
    );
    const typo = await campaign("create", "typo", "--rejected", "--reason", "journal_presnt");
    expect([typo.status, typo.stderr.includes("No actor takes part: the ledger")]).to.deep.equal([0, true]);
  });
});
