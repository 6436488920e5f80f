import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { prefixRange } from "../../src/formats/bytes.ts";
import { physicalKey } from "../../src/formats/split-value.ts";
import { shardPrefix, V2_SUBSPACE } from "../../src/formats/v2-keys.ts";
import { leaseKey } from "../../src/migration/ferry-keys.ts";
import type { Store } from "../../src/store/store.ts";
import { Fleet } from "../support/fleet.ts";
import { leaseRows, readV2, sha256, v2RowsOf } from "../support/reference.ts";
import { forEachEngine } from "../support/stores.ts";
import { syntheticImage, testActor, v1Rows, type Row } from "../support/v1-actors.ts";

const MIB = 1024 * 1024;
const actor = testActor(1);

describe("a worker that goes away in the middle of a large actor", function () {
  this.timeout(180_000);

  forEachEngine((makeStore) => {
    let fleet: Fleet;
    let image: Uint8Array;

    /** A queue with one actor on it: as many transactions of staged rows as it has MiB. */
    async function start(imageBytes: number): Promise<void> {
      image = syntheticImage(imageBytes / 4096, "random", 7);
      fleet = await Fleet.start((await makeStore()).url);
      await fleet.write(v1Rows(actor, image));
      await fleet.ferry(["enqueue", actor.id]);
    }

    afterEach(async () => {
      await fleet.stop();
    });

    it("by SIGKILL, at 64 MiB: another one finishes it, and nothing of the first attempt is left", async () => {
      await start(64 * MIB);
      const first = fleet.worker();
      await fleet.until(hasStaged(10));
      first.kill("SIGKILL");
      await first.ended();
      expect(await fleet.outcomes()).to.have.property("size", 0);
      await expectFinishedBy(await fleet.worker("--drain").ended());
    });

    it("by SIGSTOP past its lock: another one finishes it, and the first writes nothing when it wakes", async () => {
      await start(64 * MIB);
      const first = fleet.worker();
      await fleet.until(hasStaged(10));
      await fleet.stopBetweenCommits(first);
      await expectFinishedBy(await fleet.worker("--drain").ended());
      const before = await fleet.rows();
      first.kill("SIGCONT");
      await first.said("lock_lost");
      first.kill("SIGTERM");
      expect((await first.ended()).status).to.equal(0);
      await expectData();
      expect(v2Digest(before)).to.equal(v2Digest(await fleet.rows()));
    });

    it("by SIGTERM: it finishes within the drain timeout and ends with 0", async () => {
      await start(24 * MIB);
      const worker = fleet.worker("--drain-timeout", "60s");
      await fleet.until(hasStaged(5));
      worker.kill("SIGTERM");
      expect((await worker.ended()).status).to.equal(0);
      expect(await fleet.outcomes()).to.have.property("size", 1);
      await expectData();
    });

    it("by SIGTERM without time to finish: it hands the actor back and ends with 0", async () => {
      await start(24 * MIB);
      const worker = fleet.worker("--drain-timeout", "0s");
      await fleet.until(hasStaged(5));
      worker.kill("SIGTERM");
      const { status, stderr } = await worker.ended();
      expect(status, stderr).to.equal(0);
      expect(stderr).to.include("job_handed_back");
      await expectFinishedBy(await fleet.worker("--drain").ended());
    });

    it("by one Ctrl-C that comes twice, as under npx: it finishes what it has and ends with 0", async () => {
      await start(24 * MIB);
      const worker = fleet.worker("--drain-timeout", "60s");
      await fleet.until(hasStaged(2));
      worker.kill("SIGINT");
      await sleep(20);
      worker.kill("SIGINT");
      expect((await worker.ended()).status).to.equal(0);
      expect(await fleet.outcomes()).to.have.property("size", 1);
      await expectData();
    });

    it("by a second SIGTERM: it ends at once", async () => {
      await start(64 * MIB);
      const worker = fleet.worker("--drain-timeout", "60s");
      await fleet.until(hasStaged(2));
      worker.kill("SIGTERM");
      await worker.said("draining");
      // One that comes sooner is taken for the same; and a fast machine would be done by then.
      worker.kill("SIGSTOP");
      await sleep(600);
      const toldAtMs = Date.now();
      worker.kill("SIGTERM");
      worker.kill("SIGCONT");
      await worker.ended();
      // Not by `process.exit`, which would wait for ever for a commit that waits for the main thread.
      expect(worker.child.signalCode).to.equal("SIGTERM");
      expect(Date.now() - toldAtMs).to.be.below(5_000);
      await expectFinishedBy(await fleet.worker("--drain").ended());
    });

    async function expectFinishedBy({ status, stderr }: { status: number | null; stderr: string }): Promise<void> {
      expect(status, stderr).to.equal(0);
      await expectData();
    }

    async function expectData(): Promise<void> {
      expect((await fleet.outcomes()).get(actor.id)).to.include({ state: "migrated", sha256: sha256(image) });
      const rows = await fleet.rows();
      // Checks every row of the actor's, and that sqlite_storage_used is their exact sum.
      expect(sha256(readV2(actor, rows).image)).to.equal(sha256(image));
      expect(leaseRows(rows)).to.deep.equal([]);
    }
  });

  function v2Digest(rows: readonly Row[]): string {
    return sha256(Buffer.concat(v2RowsOf(actor, rows).flatMap(({ key, value }) => [key, value])));
  }

  /** Whether the attempt holds its lease and has committed so many transactions of rows, of about four shards each. */
  function hasStaged(transactions: number): (store: Store) => Promise<true | undefined> {
    const shards = prefixRange(physicalKey(V2_SUBSPACE, shardPrefix(actor.id)));
    return async (store) =>
      store.transact(async (tx) => {
        if ((await tx.get(leaseKey(actor.id), { snapshot: true })) === undefined) {
          return undefined;
        }
        let rows = 0;
        for await (const batch of tx.getRange(shards, { snapshot: true, limit: 4 * transactions })) {
          rows += batch.length;
        }
        return rows >= 4 * transactions ? true : undefined;
      });
  }
});
