import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { expect } from "chai";
import { clearKeys, dumpRows } from "../../support/depot-world.ts";
import { migrateHere } from "../../support/migrate-here.ts";
import { encodeReferenceHead, logicalKey, physicalRows, referenceHead, sha256 } from "../../support/reference.ts";
import { parseRows } from "../../support/row-lines.ts";
import { sqliteImageOfPages } from "../../support/v1-actors-sqlite.ts";
import { testActor, v1Rows } from "../../support/v1-actors.ts";
import { ACTORS, DEPOT, IMAGE, targetCommands } from "../../support/target-commands.ts";

describe("an actor that v2's older form has newer data of", function () {
  this.timeout(60_000);
  const { folder, ferry, load, work, runCampaigns, outcomes, onStore } = targetCommands();
  const NEWER = sqliteImageOfPages(5);
  const [ACTOR = testActor(1)] = ACTORS;

  /** v2's older form has a later image than v1, and a head that says that it was written. */
  beforeEach(async () => {
    const newer = folder.in("newer");
    await writeFile(newer, NEWER);
    await ferry(["v1", "import", newer, "--actor", ACTOR.id, "--replace"]);
    await migrateHere(folder.store, ACTOR.id);
    const rows = await onStore((store) => dumpRows(store));
    const [meta] = rows.filter(({ key }) => Buffer.from(key).includes("/META"));
    const head = { ...referenceHead(meta?.value.subarray(1) ?? new Uint8Array(0)), headTxid: 2n, nextTxid: 3n };
    await load(physicalRows(logicalKey(ACTOR, "/META"), encodeReferenceHead(head)));
    const older = folder.in("older");
    await writeFile(older, IMAGE);
    await ferry(["v1", "import", older, "--actor", ACTOR.id, "--replace"]);
  });

  async function rejected(): Promise<void> {
    await ferry(["campaign", "create", "spring", "--scan", "--start", ...DEPOT]);
    const plan = await ferry(["campaign", "plan", "--scan", ...DEPOT]);
    expect(plan.stdout).to.match(/^ +storage_v2_written +1$/m);
    await runCampaigns();
    expect((await outcomes()).sort()).to.deep.equal(["migrated", "rejected storage_v2_written"]);
  }

  async function cleanV1(): Promise<void> {
    const keys = v1Rows(ACTOR, IMAGE).map(({ key }) => key);
    await onStore((store) => clearKeys(store, keys));
  }

  async function exported(): Promise<string> {
    const result = await ferry(["v2", "export", ACTOR.id, folder.in("out")]);
    expect(result.status, result.stderr).to.equal(0);
    return sha256(await readFile(folder.in("out")));
  }

  it("rejects it, and brings it to Depot by the way that the runbook says", async () => {
    await rejected();
    expect((await ferry(["inspect", ACTOR.id])).stdout).to.match(/^v2 next +rejected storage_v2_written: /m);
    await ferry(["v2", "export", ACTOR.id, folder.in("saved"), "--target", "storage"]);
    const again = await ferry(["v1", "import", folder.in("saved"), "--actor", ACTOR.id, "--replace"]);
    expect(again.status, again.stderr).to.equal(0);
    const discarded = await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
    expect([discarded.status, discarded.stderr]).to.deep.equal([
      0,
      `2 rows written to ${folder.in("rows")}, and removed: ferry requeue ${ACTOR.id} migrates what v1 holds.\n`,
    ]);
    await ferry(["requeue", ACTOR.id]);
    await work();
    expect(await outcomes()).to.deep.equal(["migrated", "migrated"]);
    expect(await exported()).to.equal(sha256(NEWER));
  });

  it("brings it there as well where v1 was cleaned up", async () => {
    await cleanV1();
    await ferry(["v2", "export", ACTOR.id, folder.in("saved")]);
    await ferry(["v1", "import", folder.in("saved"), "--actor", ACTOR.id]);
    await ferry(["enqueue", ACTOR.id, "--force", ...DEPOT]);
    await work();
    expect(await outcomes()).to.deep.equal(["rejected storage_v2_written"]);
    await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
    await ferry(["requeue", ACTOR.id, ...DEPOT]);
    await work();
    const result = await ferry(["v2", "export", ACTOR.id, folder.in("out"), ...DEPOT]);
    expect(result.status, result.stderr).to.equal(0);
    expect(sha256(await readFile(folder.in("out")))).to.equal(sha256(NEWER));
  });

  it("takes v1 instead, where that is decided, and keeps the rows in a file that can be loaded again", async () => {
    await rejected();
    const rows = folder.in("rows");
    await ferry(["v2", "discard", ACTOR.id, rows, "--reason-text", "v1 is right"], { env: { FERRY_USER: "ann" } });
    expect((await ferry(["inspect", ACTOR.id])).stdout).to.include(
      `written to ${rows}, and removed, by ann: v1 is right`,
    );
    await ferry(["requeue", ACTOR.id]);
    await work();
    expect(await exported()).to.equal(sha256(IMAGE));
    await load(parseRows(await readFile(folder.in("rows"), "utf8")));
    await ferry(["v2", "export", ACTOR.id, folder.in("saved"), "--target", "storage"]);
    expect(sha256(await readFile(folder.in("saved")))).to.equal(sha256(NEWER));
  });

  it("keeps the rows where nothing asks for them to go, where v1 has nothing, and while the actor is awake", async () => {
    const stays = async (why: RegExp): Promise<void> => {
      const refused = await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
      expect([refused.status, refused.stdout]).to.deep.equal([2, ""]);
      expect(refused.stderr).to.match(why);
      expect(existsSync(folder.in("rows"))).to.equal(false);
    };
    await stays(/last outcome is not rejected storage_v2_written/);
    await rejected();
    await ferry(["v1", "import", folder.in("older"), "--actor", ACTOR.id, "--replace", "--awake"]);
    await stays(/it is awake/);
    await ferry(["v1", "import", folder.in("older"), "--actor", ACTOR.id, "--replace", "--asleep"]);
    await cleanV1();
    await stays(/v1 has no data/);
  });

  it("does not write over a file: it may be all that is left of another actor's rows", async () => {
    await rejected();
    await writeFile(folder.in("rows"), "another's");
    const refused = await ferry(["v2", "discard", ACTOR.id, folder.in("rows")]);
    expect([refused.status, refused.stderr]).to.deep.equal([
      2,
      `ferry: Cannot write ${folder.in("rows")}: it exists already.\n`,
    ]);
    expect(await readFile(folder.in("rows"), "utf8")).to.equal("another's");
  });
});
