import { expect } from "chai";
import { cleanupKey } from "../../src/migration/cleanup-actor.ts";
import { v1Range } from "../../src/migration/v1/v1-keys.ts";
import { CampaignCluster, madeImages, writeSmallActors } from "../support/campaign-chaos.ts";
import { FerryProcess } from "../support/cli.ts";
import { forEachEngine } from "../support/stores.ts";

const ACTORS = 80;
const DEADLINE_MS = 90_000;

describe("ferry cleanup, interrupted", function () {
  this.timeout(240_000);
  forEachEngine((makeStore) => {
    let cluster: CampaignCluster;

    beforeEach(async () => {
      cluster = await CampaignCluster.start(await makeStore());
    });

    afterEach(async () => {
      await cluster.stop();
    });

    it("goes on where it was killed or stopped, removes every actor's rows once, and leaves v2 as it was", async () => {
      const actors = await writeSmallActors(cluster.store, ACTORS, madeImages());
      await cluster.ferry(["campaign", "create", "one", "--scan", "--start"]);
      await Promise.all([cluster.run("feeder"), cluster.run("worker")]);
      await cluster.until("it completes", async () => (await cluster.state("one")) === "completed", DEADLINE_MS);

      const args = ["cleanup", "--campaign", "one", "--hold", "0s", "--delete", "--confirm", "one"];
      const removed: string[] = [];
      const interrupt = async (signal: NodeJS.Signals, rate: number): Promise<FerryProcess> => {
        // Slow enough to be caught in the middle, also in waiting: only the first second's worth goes at once.
        const child = new FerryProcess([...args, "--rate", String(rate)], { env: { FERRY_STORE: cluster.store.url } });
        const isCaught = (): Promise<boolean> => Promise.resolve(removedIn(child.stdout).length > rate + 1);
        await cluster.until("some are removed", isCaught, DEADLINE_MS);
        child.kill(signal);
        await child.ended();
        removed.push(...removedIn(child.stdout));
        return child;
      };
      await interrupt("SIGKILL", 8);
      const stopped = await interrupt("SIGINT", 1);
      expect((await stopped.ended()).status).to.equal(130);
      expect(stopped.stderr).to.match(
        /Stopped in the middle, after .* removed.*: the same command goes on from there\./,
      );
      expect(removed.length).to.be.within(13, ACTORS - 1);

      const { stdout, stderr } = await cluster.ferry([...args, "--rate", "50"]);
      removed.push(...removedIn(stdout));
      expect(new Set(removed).size).to.equal(removed.length);
      // What was killed may have removed one more than it came to say.
      expect(removed.length).to.be.within(ACTORS - 1, ACTORS);
      expect(stderr).to.match(/\d+ no_v1_data, \d+ removed/);

      // Of the one that was killed nothing is known but that it began.
      const history = (await cluster.ferry(["campaign", "history", "one"])).stdout;
      expect([...history.matchAll(/cleanup (\w+)/g)].map(([, how]) => how)).to.deep.equal([
        "begun",
        "begun",
        "stopped",
        "begun",
        "ended",
      ]);

      const [rows, records] = await cluster.store.transact(async (tx) => {
        let left = 0;
        for (const { id } of actors) {
          for await (const batch of tx.getRange(v1Range(id), { limit: 1 })) {
            left += batch.length;
          }
        }
        const found = await Promise.all(actors.map(({ id }) => tx.get(cleanupKey(id))));
        return [left, found.filter((record) => record !== undefined).length];
      });
      expect([rows, records]).to.deep.equal([0, ACTORS]);
      expect((await cluster.ferry(["verify", "--campaign", "one"])).stderr).to.equal(`${ACTORS} good, 0 bad.\n`);
    });
  });
});

function removedIn(stdout: string): string[] {
  return stdout.split("\n").filter((line) => line.endsWith(" removed"));
}
