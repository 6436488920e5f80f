import { expect } from "chai";
import { campaignCommands, IDS } from "../../support/campaign-commands.ts";

describe("command lines about campaigns that make no sense", function () {
  this.timeout(60_000);
  const { run, campaign } = campaignCommands();

  it("refuses flags that make no sense, with status 2", async () => {
    const refusals: [string[], RegExp][] = [
      [["create", "Big Name", "--scan"], /lower-case letters/],
      [["create", "a"], /give --scan, --from FILE or --rejected/],
      [["create", "a", "--scan", "--rejected"], /one source/],
      [["create", "a", "--scan", "--reason", "x"], /--reason goes with --rejected/],
      [
        ["create", "a", "--scan", "--label", "65536"],
        /--label "65536" cannot be used: write a whole number from 0 to 65535/,
      ],
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

  it("takes a name to confirm with, where only what would happen is asked", async () => {
    await campaign("create", "all", "--scan");
    const rollback = await run(["rollback", "--campaign", "all", "--dry-run", "--confirm", "all"]);
    expect([rollback.status, rollback.stderr]).to.deep.equal([0, "No actors.\n"]);
    expect((await run(["rollback", IDS[0] ?? "", "--confirm", "all"])).stderr).to.contain(
      "--confirm goes with --campaign",
    );
  });
});
