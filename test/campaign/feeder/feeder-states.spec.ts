import { expect } from "chai";
import { allRows } from "../../../src/campaign/all-rows.ts";
import { readCampaignHistory } from "../../../src/campaign/campaign-history.ts";
import { deleteCampaign } from "../../../src/campaign/delete-campaign.ts";
import { makeReport } from "../../../src/campaign/report/report.ts";
import { unwaiveActor, waiveActor } from "../../../src/campaign/rejects/waive.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import { FERRY_PREFIX } from "../../../src/migration/ferry-keys.ts";
import type { Verdict } from "../../../src/migration/outcome.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { forEachEngine } from "../../support/stores.ts";

const REJECTED: Verdict = { state: "rejected", reason: "magic_mismatch", detail: "" };
const EIGHT_OF_EIGHT = "Circuit breaker: 8 of 8 finished actors were rejected or failed (limit 50 %).";

describe("a campaign under the feeder", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
    });

    it("pauses: jobs that lie in the queue go back, resume brings them again, nothing is lost or done twice", async () => {
      await scene.seed(40);
      await scene.start("paused");
      const feeder = scene.feeder();
      await feeder.tick();
      await scene.migrate(3);
      const paused = await scene.apply("paused", "pause", { who: "test", reason: "lunch" });
      expect(paused).to.include({ result: "changed", before: "running" });
      expect((await scene.apply("paused", "pause")).result).to.equal("already");
      await scene.migrate();
      const held = await scene.counts("paused");
      expect([held.open.actors, held.done.migrated.actors]).to.deep.equal([0, 3]);
      await feeder.tick();
      expect(scene.queue.jobs.size).to.equal(0);
      const { startedAtMs } = await scene.campaign("paused");
      scene.clock.nowMs += 60_000;
      await scene.apply("paused", "resume");
      await scene.runToEnd("paused");
      expect(await scene.migrated("paused")).to.equal(40);
      // What went back was not run, and so counts as fed once; and a pause is part of how long it took.
      expect((await makeReport(scene.store, "paused", scene.clock.now())).feeds).to.equal(40);
      expect(await scene.campaign("paused")).to.include({ startedAtMs });
      const what = (await readCampaignHistory(scene.store, "paused")).map((entry) => entry.what);
      expect(what).to.have.members(["create", "start", "pause", "resume", "completed"]);
    });

    it("cancels: what is in flight ends, the rest stays undone", async () => {
      await scene.seed(40);
      await scene.start("cancelled");
      const feeder = scene.feeder();
      await feeder.tick();
      await scene.migrate(2);
      await scene.apply("cancelled", "cancel");
      await scene.migrate();
      await feeder.tick();
      expect((await scene.campaign("cancelled")).state).to.equal("cancelled");
      const end = await scene.counts("cancelled");
      expect([end.done.migrated.actors, end.open.actors, end.todo.actors]).to.deep.equal([2, 0, 38]);
    });

    it("puts actors back whose jobs were lost while it was being cancelled", async () => {
      await scene.seed(20);
      await scene.start("lost");
      const feeder = scene.feeder();
      await feeder.tick();
      await scene.apply("lost", "cancel");
      scene.queue.flush();
      scene.clock.nowMs += 60_000;
      await feeder.tick();
      await feeder.tick();
      expect((await scene.campaign("lost")).state).to.equal("cancelled");
      expect((await scene.counts("lost")).todo.actors).to.equal(20);
    });

    it("trips the circuit breaker, and goes on from there after resume", async () => {
      await scene.seed(100);
      await scene.start("broken", { settings: { window: 60 } });
      await scene.runToEnd("broken", () => REJECTED);
      const tripped = await scene.campaign("broken");
      expect(tripped.state).to.equal("paused");
      expect(tripped.stateReason).to.match(/Circuit breaker: 60 of 60/);
      expect(tripped.breakerTripped).to.equal(true);
      const resumed = await scene.apply("broken", "resume");
      expect(resumed.campaign).not.to.have.property("breakerTripped");
      await scene.runToEnd("broken");
      const end = await scene.counts("broken");
      expect([end.done.rejected.actors, end.done.migrated.actors]).to.deep.equal([60, 40]);
    });

    for (const when of ["before", "after"] as const) {
      it(`lets waivers ${when} a resume neither blind the circuit breaker, nor trip it when they are taken back`, async () => {
        await scene.seed(24);
        await scene.start("broken", { spec: { breaker: { percent: 50, actors: 5 } }, settings: { window: 8 } });
        const decision = { who: "ada", at: "2027-01-01T00:00:00.000Z", why: "leave it" };
        const bad: ActorId[] = [];
        const reject = (id: ActorId): Verdict => {
          bad.push(id);
          return REJECTED;
        };
        const resume = async (): Promise<unknown> => scene.apply("broken", "resume");
        await scene.runToEnd("broken", reject);
        const waived = [...bad];
        const waive = async (): Promise<unknown> =>
          Promise.all(waived.map(async (id) => waiveActor(scene.store, id, decision)));
        await (when === "before" ? waive().then(resume) : resume().then(waive));
        await scene.runToEnd("broken", reject);
        expect(await scene.campaign("broken")).to.include({ state: "paused", stateReason: EIGHT_OF_EIGHT });
        await resume();
        await Promise.all(waived.map(async (id) => unwaiveActor(scene.store, id, decision)));
        await scene.runToEnd("broken");
        expect(await scene.campaign("broken")).to.include({ state: "completed" });
        const { rejected, migrated } = (await scene.counts("broken")).done;
        expect([rejected.actors, migrated.actors]).to.deep.equal([16, 8]);
        expect(await scene.differences("broken")).to.deep.equal([]);
      });
    }

    it("is deleted without a trace, and the ledger stays", async () => {
      await scene.seed(5);
      await scene.start("gone");
      await scene.runToEnd("gone");
      await deleteCampaign(scene.store, "gone");
      const left = [];
      for await (const row of allRows(scene.store, FERRY_PREFIX)) {
        left.push(Buffer.from(row.key).toString("latin1"));
      }
      expect(left.filter((key) => key.includes("gone"))).to.deep.equal([]);
      expect(left.filter((key) => key.includes("outcome"))).to.have.length(5);
    });
  });
});
