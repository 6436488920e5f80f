import { expect } from "chai";
import { ferryHere, type Ended } from "../support/cli.ts";
import { feedAll } from "../support/campaign-scene.ts";
import { migrateHere } from "../support/migrate-here.ts";
import { formatRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { logicalKey, physicalRows, v2RowsOf } from "../support/reference.ts";
import { attempt, TestClock } from "../support/reference-attempt.ts";
import { sqliteImageOfPages } from "../support/v1-actors-sqlite.ts";
import { entryRows, fileChunkK, lifeRow, PAGE, TAG, testActor, v1Rows, type Row } from "../support/v1-actors.ts";
import { dumpRows, putRows } from "../support/depot-world.ts";
import { campaignLedger } from "../../src/campaign/ledger/campaign-ledger.ts";
import { openStore } from "../../src/store/open-store.ts";

const ACTORS = Array.from({ length: 20 }, (_, index) => testActor(index + 1));
const IDS = ACTORS.map(({ id }) => id);
const [FIRST = ""] = IDS;

describe("ferry rollback, verify and cleanup of actors that no campaign migrated", () => {
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

  it("counts actors apart that were not migrated, whatever became of them", async () => {
    const [rejected, unasked] = [testActor(101), testActor(102)];
    await put(...v1Rows(rejected, new Uint8Array(PAGE)), ...v1Rows(unasked, sqliteImageOfPages(3)));
    expect((await migrateHere(folder.store, rejected.id)).state).to.equal("rejected");
    const verified = await ferry(["verify", FIRST, rejected.id, unasked.id]);
    expect([verified.status, verified.stderr]).to.deep.equal([0, "1 good, 0 bad, 2 on v1.\n"]);
    expect(verified.stdout).to.include(`${rejected.id} not compared: it was not migrated, and is on v1\n`);
    expect((await ferry(["verify", unasked.id])).stderr).to.equal("1 actor on v1, and no other to verify.\n");
  });

  it("counts actors that were destroyed apart", async () => {
    await ferry(["rollback", FIRST]);
    await put(lifeRow(ACTORS[0] ?? testActor(1), "DESTROY_TS"));
    const verified = await ferry(["verify", ...IDS.slice(0, 2)]);
    expect([verified.status, verified.stderr]).to.deep.equal([0, "1 good, 0 bad, 1 destroyed.\n"]);
    expect(verified.stdout).to.include(`${FIRST} not compared: it was destroyed\n`);
    const json = await ferry(["verify", FIRST, "--json"]);
    expect(JSON.parse(json.stdout)).to.deep.equal({ actorId: FIRST, ok: true, comparison: "destroyed" });
    expect(json.status).to.equal(0);
    expect((await ferry(["verify", FIRST])).stderr).to.equal("1 actor destroyed, and no other to verify.\n");
  });

  async function put(...rows: Row[]): Promise<void> {
    const store = await openStore(folder.store);
    await putRows(store, rows);
    await store.close();
  }

  /** What a command says of the actors of a list on standard input. */
  async function ofList(args: readonly string[], ids: readonly string[]): Promise<[Ended["status"], string[]]> {
    const { status, stdout } = await ferry([...args, "--from", "-"], { input: `# some\n${ids.join("\n")}\n` });
    return [status, stdout.trim().split("\n")];
  }

  it("cleans up v1 of given actors, and of those of a list, and lists them without --delete", async () => {
    const cleanup = ["cleanup", "--hold", "0s"];
    const results = (ids: readonly string[], result: string): string[] => ids.map((id) => `${id} ${result}`);
    expect(await ofList(cleanup, IDS.slice(0, 5))).to.deep.equal([0, results(IDS.slice(0, 5), "removable")]);
    const given = await ferry([...cleanup, "--delete", ...IDS.slice(0, 2)]);
    expect([given.status, given.stderr]).to.deep.equal([0, "2 removed\n"]);
    expect(await ofList([...cleanup, "--delete"], IDS.slice(0, 3))).to.deep.equal([
      0,
      [...results(IDS.slice(0, 2), "no_v1_data"), ...results(IDS.slice(2, 3), "removed")],
    ]);
    expect((await ferry(["cleanup", "--delete", testActor(100).id])).stdout).to.contain("not_migrated");
    expect((await ferry(["cleanup", "--delete", IDS[3] ?? ""])).stdout).to.contain("on_hold");
  });

  it("keeps with each actor who took it back and why", async () => {
    await ferryHere(["rollback", FIRST], { env: { FERRY_STORE: folder.store, FERRY_USER: "ann" } });
    const { stdout } = await ferry(["inspect", FIRST]);
    expect(stdout).to.match(/^outcome +skipped rolled_back at .*\ndetail +Rolled back by ann\.$/m);
    const why = ["--reason-text", "slow"];
    await ferryHere(["rollback", IDS[1] ?? "", ...why], { env: { FERRY_STORE: folder.store, FERRY_USER: "ann" } });
    expect((await ferry(["outcomes", "--json"])).stdout).to.contain('"detail":"Rolled back by ann: slow"');
  });

  it("verifies and takes back the actors of a list", async () => {
    const [status, lines] = await ofList(["verify"], IDS.slice(0, 2));
    expect([status, lines.length]).to.deep.equal([0, 2]);
    expect(await ofList(["rollback"], [FIRST])).to.deep.equal([0, [`${FIRST} rolled_back`]]);
    expect(await leftInV2()).to.equal(IDS.length - 1);
  });

  it("says so by its status of an actor that an old runner has, and keeps its v1", async () => {
    await put(lifeRow(ACTORS[0] ?? testActor(1), "RUNNER_ID"));
    const verified = await ferry(["verify", ...IDS.slice(0, 2)]);
    expect([verified.status, verified.stderr]).to.deep.equal([1, "1 good, 1 bad.\n"]);
    expect(verified.stdout).to.match(new RegExp(`^${FIRST} \\d+ pages; .* RUNNING ON V1, `, "m"));
    const cleaned = await ferry(["cleanup", "--hold", "0s", "--delete", ...IDS.slice(0, 2)]);
    expect([cleaned.status, cleaned.stderr]).to.deep.equal([1, "1 runs_on_v1, 1 removed\n"]);
  });

  it("goes on behind an actor whose v2 cannot be read", async () => {
    const [, second = testActor(2)] = ACTORS;
    await put(...physicalRows(logicalKey(second, "/META"), Uint8Array.of(9, 9)));
    const verified = await ferry(["verify", ...IDS.slice(0, 3)]);
    expect([verified.status, verified.stderr]).to.deep.equal([1, "2 good, 1 bad.\n"]);
    expect(verified.stdout).to.match(
      new RegExp(`^${second.id} not compared: v2 cannot be read; unreadable: .*META`, "m"),
    );
    const rolledBack = await ferry(["rollback", ...IDS.slice(0, 3)]);
    expect([rolledBack.status, rolledBack.stderr]).to.deep.equal([1, "2 rolled_back, 1 v2_unreadable\n"]);
  });
});

describe("ferry cleanup and ferry rollback of a campaign", () => {
  const folder = temporaryFolder();
  const [sound, broken, changed] = [testActor(1), testActor(2), testActor(3)];

  function ferry(args: readonly string[], input = "", options: Parameters<typeof ferryHere>[1] = {}): Promise<Ended> {
    return ferryHere(args, { env: { FERRY_STORE: folder.store, FERRY_USER: "ann" }, input, ...options });
  }

  beforeEach(async () => {
    const image = sqliteImageOfPages(5);
    await ferry(["store", "load", "-"], formatRows([sound, broken, changed].flatMap((actor) => v1Rows(actor, image))));
    await migrateCampaign();
  });

  /** A campaign that has migrated all actors of the store. */
  async function migrateCampaign(): Promise<void> {
    expect((await ferry(["campaign", "create", "one", "--from", "-", "--start"], IDS_OF_THREE)).status).to.equal(0);
    const store = await openStore(folder.store);
    const clock = new TestClock();
    await feedAll(store, "one", clock.now());
    for (const actor of [sound, broken, changed]) {
      const context = { ledger: campaignLedger("one", clock.now) };
      expect((await attempt(store, actor, clock, { campaign: "one", context })).state).to.equal("migrated");
    }
    // One head is damaged, and an old runner writes another actor's v1.
    await putRows(store, [
      ...physicalRows(logicalKey(broken, "/META"), Uint8Array.of(9, 9)),
      ...entryRows(changed, fileChunkK(TAG.main, 1), new Uint8Array(PAGE).fill(1)),
    ]);
    await store.close();
  }
  const IDS_OF_THREE = [sound, broken, changed].map(({ id }) => `${id}\n`).join("");

  it("keeps v1 that is the only copy of something, says so by its status, and goes on with the others", async () => {
    const verified = await ferry(["verify", "--campaign", "one"]);
    expect([verified.status, verified.stderr]).to.deep.equal([1, "1 good, 2 bad.\n"]);
    expect(verified.stdout).to.include("v1 is NOT what was migrated");
    const cleanup = ["cleanup", "--campaign", "one", "--hold", "0s", "--delete", "--confirm", "one"];
    for (const result of ["removed", "no_v1_data"]) {
      const { status, stdout } = await ferry(cleanup);
      expect(status).to.equal(1);
      expect(stdout.trim().split("\n").sort()).to.deep.equal(
        [`${sound.id} ${result}`, `${broken.id} v2_not_clean`, `${changed.id} v1_changed`].sort(),
      );
    }
  });

  const CLEANUP = ["cleanup", "--campaign", "one", "--hold", "0s", "--delete", "--confirm", "one"];
  const ROLLBACK = ["rollback", "--campaign", "one", "--confirm", "one"];

  /** What the campaign's history has, from its start on, without the times. */
  async function history(): Promise<string[]> {
    const { stdout } = await ferry(["campaign", "history", "one"]);
    const lines = stdout.trim().split("\n");
    return lines
      .map((line) => line.split("  ").slice(1).join("  "))
      .filter((line) => !/ {2}(create|start) {2}/.test(line));
  }

  it("is in the campaign's history: who, why, and how many came to which result", async () => {
    await ferry([...CLEANUP, "--reason-text", "disk"]);
    await ferry(ROLLBACK);
    const [begun, ended, ...rolledBack] = await history();
    expect(begun).to.equal("ann  cleanup begun  (disk)");
    expect(ended).to.match(/^ann {2}cleanup ended {2}\{(?=.*"removed":1)(?=.*"v1_changed":1).*"\w+":1\} {2}\(disk\)$/);
    expect(rolledBack[0]).to.equal("ann  rollback begun");
    expect(rolledBack[1]).to.match(/^ann {2}rollback ended {2}\{(?=.*"no_v1_data":1)(?=.*"rolled_back":1).*\}$/);
  });

  it("is not asked to be confirmed of a campaign that is not there", async () => {
    for (const args of [["rollback"], ["cleanup", "--delete"]]) {
      const { status, stderr } = await ferry([...args, "--campaign", "none"]);
      expect([status, stderr]).to.deep.equal([
        2,
        'ferry: There is no campaign "none"; ferry campaign list shows those there are.\n',
      ]);
    }
  });

  it("is in no history where nothing is changed", async () => {
    await ferry(["cleanup", "--campaign", "one", "--hold", "0s"]);
    await ferry([...ROLLBACK, "--dry-run"]);
    expect(await history()).to.deep.equal([]);
  });

  it("is in the history as far as it came when it is stopped", async () => {
    for (const args of [CLEANUP, ROLLBACK]) {
      expect((await ferry(args, "", { interruptAt: "stdout" })).status).to.equal(130);
    }
    const found = await history();
    expect(found).to.have.length(4);
    expect(found[1]).to.match(/^ann {2}cleanup stopped {2}\{("\w+":1,?)+\}$/);
    expect(found[3]).to.match(/^ann {2}rollback stopped {2}\{("\w+":1,?)+\}$/);
  });

  it("leaves with each actor who removed its v1, when and why, which inspect shows", async () => {
    expect((await ferry(["inspect", sound.id])).stdout).not.to.contain("cleaned up");
    await ferry([...CLEANUP, "--reason-text", "disk"]);
    const { stdout } = await ferry(["inspect", sound.id]);
    expect(stdout).to.match(/^v1 +no data\nv1 +cleaned up at \d{4}-\d\d-\d\dT[\d:.]+Z by ann: disk$/m);
    const { cleanup, outcome } = JSON.parse((await ferry(["inspect", sound.id, "--json"])).stdout) as {
      cleanup: { at: string };
      outcome: { sha256: string };
    };
    expect(cleanup).to.deep.equal({ at: cleanup.at, who: "ann", reason: "disk", sha256: outcome.sha256 });
    expect((await ferry(["inspect", changed.id])).stdout).not.to.contain("cleaned up");
  });
});
