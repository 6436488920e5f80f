import { expect } from "chai";
import { ferryHere, type Ended } from "../support/cli.ts";
import { migrateHere } from "../support/migrate-here.ts";
import { formatRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { v2RowsOf } from "../support/reference.ts";
import { sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";
import { testActor, v1Rows } from "../support/v1-actors.ts";
import { dumpRows } from "../support/depot-world.ts";
import { openStore } from "../../src/store/open-store.ts";

const ACTORS = Array.from({ length: 20 }, (_, index) => testActor(index + 1));
const IDS = ACTORS.map(({ id }) => id);
const [FIRST = ""] = IDS;

describe("ferry rollback and ferry verify", () => {
  const folder = temporaryFolder();

  beforeEach(async () => {
    const image = sqliteImageOfPages(2);
    const input = formatRows(ACTORS.flatMap((actor) => v1Rows(actor, image)));
    expect((await ferry(["store", "load", "-"], { input })).status).to.equal(0);
    for (const id of IDS) {
      expect((await migrateHere(folder.store, id)).state).to.equal("migrated");
    }
  });

  function ferry(args: readonly string[], options: Parameters<typeof ferryHere>[1] = {}): Promise<Ended> {
    return ferryHere(args, { ...options, env: { FERRY_STORE: folder.store } });
  }

  async function leftInV2(): Promise<number> {
    const store = await openStore(folder.store);
    const rows = await dumpRows(store);
    await store.close();
    return ACTORS.filter((actor) => v2RowsOf(actor, rows).length > 0).length;
  }

  for (const json of [[], ["--json"]]) {
    it(`says how far a rollback came that is interrupted, and the same command goes on ${json.join("")}`, async () => {
      const stopped = await ferry(["rollback", ...IDS, ...json], { interruptAt: "stdout" });
      expect(stopped.status).to.equal(130);
      const done = IDS.length - (await leftInV2());
      expect(done).to.be.within(1, IDS.length - 1);
      expect(stopped.stderr).to.equal(
        `Stopped in the middle, after ${done} rolled_back: the same command goes on from there.\nferry: Interrupted.\n`,
      );
      expect((await ferry(["rollback", ...IDS, ...json])).status).to.equal(0);
      expect(await leftInV2()).to.equal(0);
    });
  }

  it("does not speak of going on where nothing was changed", async () => {
    for (const [args, result] of [
      [["rollback", "--dry-run"], "\\d+ would_roll_back"],
      [["verify"], "\\d+ good, 0 bad"],
    ] as const) {
      const stopped = await ferry([...args, ...IDS], { interruptAt: "stdout" });
      expect(stopped.status).to.equal(130);
      expect(stopped.stderr).to.match(
        new RegExp(`^Stopped in the middle, after ${result}\\.\nferry: Interrupted\\.\n$`),
      );
    }
    expect(await leftInV2()).to.equal(IDS.length);
  });

  it("counts actors that were rolled back apart, and fails only for those that have lost their image", async () => {
    await ferry(["rollback", FIRST]);
    const verified = await ferry(["verify", ...IDS.slice(0, 3)]);
    expect([verified.status, verified.stderr]).to.deep.equal([0, "2 good, 0 bad, 1 rolled back.\n"]);
    expect(verified.stdout).to.include(`${FIRST} not compared: it was rolled back\n`);
    const json = await ferry(["verify", FIRST, "--json"]);
    expect([json.status, JSON.parse(json.stdout)]).to.deep.equal([
      0,
      { actorId: FIRST, ok: true, comparison: "rolled_back" },
    ]);
    const unknown = testActor(100).id;
    const bad = await ferry(["verify", FIRST, unknown]);
    expect([bad.status, bad.stderr]).to.deep.equal([1, "0 good, 1 bad, 1 rolled back.\n"]);
    expect(bad.stdout).to.include(`${unknown} has no v2 image\n`);
  });
});
