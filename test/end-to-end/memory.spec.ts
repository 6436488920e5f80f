import { readFileSync } from "node:fs";
import { expect } from "chai";
import { Fleet } from "../support/fleet.ts";
import { forEachEngine } from "../support/stores.ts";
import { syntheticImage, testActor, v1Rows } from "../support/v1-actors.ts";

const MIB = 1024 * 1024;
const BOUND_MIB = 300;

describe("the memory of a worker at concurrency 1", function () {
  this.timeout(300_000);

  forEachEngine((makeStore) => {
    it(`stays below ${BOUND_MIB} MiB while it migrates an actor of 128 MiB`, async function () {
      if (process.platform !== "linux") {
        this.skip();
      }
      const fleet = await Fleet.start((await makeStore()).url);
      try {
        const actor = testActor(1);
        await fleet.write(v1Rows(actor, syntheticImage((128 * MIB) / 4096, "random", 3)));
        await fleet.ferry(["enqueue", actor.id]);
        const worker = fleet.worker("--concurrency", "1", "--log-level", "debug");
        let peakMib = 0;
        const sampling = setInterval(() => {
          peakMib = Math.max(peakMib, anonymousMib(worker.pid));
        }, 20);
        await worker.said('"event":"actor.').finally(() => {
          clearInterval(sampling);
        });
        worker.kill("SIGTERM");
        await worker.ended();
        expect((await fleet.outcomes()).get(actor.id)).to.include({ state: "migrated", bytes: 128 * MIB });
        expect(peakMib).to.be.above(30).and.to.be.below(BOUND_MIB);
      } finally {
        await fleet.stop();
      }
    });
  });
});

/** The process's own memory; pages of the embedded store's mapped file are the system's, which takes them back when it needs room. */
function anonymousMib(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid ?? 0}/status`, "utf8");
  return Number(/RssAnon:\s+(\d+)/.exec(status)?.[1]) / 1024;
}
