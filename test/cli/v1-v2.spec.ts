import { readFile, writeFile } from "node:fs/promises";
import { expect } from "chai";
import sqlite from "node-sqlite3-wasm";
import { ferryHere } from "../support/cli.ts";
import { migrateHere } from "../support/migrate-here.ts";
import { expectedOfV1, sha256 } from "../support/reference.ts";
import { parseRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { syntheticImage, TAG, v1Rows, type TestActor } from "../support/v1-actors.ts";
import { encodeActorId, parseActorId } from "../../src/formats/actor-id.ts";
import { writeLease } from "../../src/migration/lease.ts";
import { openStore } from "../../src/store/open-store.ts";

describe("ferry v1 import and v2 export", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  async function importFile(...args: readonly string[]): Promise<{ actor: TestActor; stderr: string }> {
    const { status, stdout, stderr } = await ferryHere(["v1", "import", "--store", folder.store, ...args]);
    expect(status, stderr).to.equal(0);
    const id = parseActorId(stdout.trim());
    return { actor: { id, idBytes: encodeActorId(id) }, stderr };
  }

  async function dumped(): Promise<ReturnType<typeof parseRows>> {
    return parseRows((await ferryHere(["store", "dump", "--store", folder.store])).stdout);
  }

  for (const bytes of [0, 1, 4095, 4096, 4097, 100_000]) {
    it(`writes a file of ${bytes} bytes as v1 has it`, async () => {
      const image = syntheticImage(25, "random").slice(0, bytes);
      await writeFile(folder.in("db"), image);
      const { actor } = await importFile(folder.in("db"));
      const keys = (rows: readonly { key: Uint8Array }[]): string[] =>
        rows.map(({ key }) => Buffer.from(key).toString("hex")).sort();
      const rows = await dumped();
      expect(keys(rows)).to.deep.equal(keys(v1Rows(actor, image)));
      if (bytes % 4096 === 0) {
        expect(expectedOfV1(actor, rows)).to.have.property("kind", "image");
      }
    });
  }

  it("takes a journal and a WAL along, and says when it leaves one behind", async () => {
    await writeFile(folder.in("db"), syntheticImage(2, "text"));
    await writeFile(folder.in("db-journal"), "a journal");
    await writeFile(folder.in("db-wal"), "a wal");
    const left = await importFile(folder.in("db"));
    expect(left.stderr)
      .to.match(/db-journal lies beside.*--journal/)
      .and.to.match(/db-wal lies beside.*--wal/);
    const taken = await importFile(
      ...[folder.in("db"), "--journal", folder.in("db-journal"), "--wal", folder.in("db-wal")],
    );
    expect(taken.stderr).to.equal("");
    expect(expectedOfV1(taken.actor, await dumped())).to.deep.equal({ kind: "rejected", reasons: ["journal_present"] });
    const { stdout } = await ferryHere(["inspect", taken.actor.id, "--json", "--store", folder.store]);
    expect(JSON.parse(stdout))
      .to.have.property("v1")
      .that.deep.equals({
        main: { bytes: 8192, chunks: 2, expectedChunks: 2 },
        journal: { bytes: 9, chunks: 1, expectedChunks: 1 },
        wal: { bytes: 5, chunks: 1, expectedChunks: 1 },
      });
    expect(TAG.wal).to.equal(2);
  });

  it("does not mix a database with one that is there, and replaces it where asked", async () => {
    await writeFile(folder.in("large"), syntheticImage(9, "text"));
    await writeFile(folder.in("small"), syntheticImage(2, "text"));
    const { actor } = await importFile(folder.in("large"));
    const again = ["v1", "import", folder.in("small"), "--actor", actor.id, "--store", folder.store];
    const refused = await ferryHere(again);
    expect(refused.status).to.equal(2);
    expect(refused.stderr).to.match(/has v1 data already/);
    expect((await ferryHere([...again, "--replace"])).stdout).to.equal(`${actor.id}\n`);
    expect(expectedOfV1(actor, await dumped()))
      .to.have.property("image")
      .with.length(2 * 4096);
  });

  it("says which actor has a part of a file that could not be read to its end, and how to begin anew", async () => {
    await writeFile(folder.in("db"), syntheticImage(9, "text"));
    // A file that can be opened, and not read.
    const { status, stderr } = await ferryHere([
      "v1",
      "import",
      folder.in("db"),
      "--journal",
      "/proc/self/mem",
      "--store",
      folder.store,
    ]);
    expect(status).to.equal(2);
    const [, id = "", again] =
      /^Actor ([0-9a-z]{30}) has a part of it.*--actor ([0-9a-z]{30}) --replace /.exec(stderr) ?? [];
    expect(again).to.equal(id);
    const { actor } = await importFile(folder.in("db"), "--actor", id, "--replace");
    expect(expectedOfV1(actor, await dumped())).to.have.property("kind", "image");
  });

  it("exports what was imported, after its migration", async () => {
    const db = new sqlite.Database(folder.in("db"));
    db.exec(
      "CREATE TABLE t (a); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)" +
        " INSERT INTO t SELECT randomblob(100) FROM n",
    );
    db.close();
    const { actor } = await importFile(folder.in("db"));
    const before = await ferryHere(["v2", "export", actor.id, folder.in("out"), "--store", folder.store]);
    expect(before.status).to.equal(2);
    expect(before.stderr).to.match(/has no complete v2 image/);
    const outcome = await migrateHere(folder.store, actor.id);
    expect(outcome.state).to.equal("migrated");
    const { status } = await ferryHere(["v2", "export", actor.id, folder.in("out"), "--store", folder.store]);
    expect(status).to.equal(0);
    const exported = await readFile(folder.in("out"));
    expect(sha256(exported))
      .to.equal(sha256(await readFile(folder.in("db"))))
      .and.to.equal(outcome.sha256);
  });

  it("says what is known of an actor", async () => {
    await writeFile(folder.in("db"), syntheticImage(3, "text"));
    const { actor } = await importFile(folder.in("db"), "--asleep");
    await migrateHere(folder.store, actor.id);
    const { stdout } = await ferryHere(["inspect", actor.id, "--store", folder.store]);
    for (const line of [
      /^actor +[0-9a-z]{30}$/m,
      /^life +asleep since 20/m,
      /^v1 main +12\.0 KiB \(12288 bytes\), 3 of 3 chunks$/m,
      /^v2 layout +shards$/m,
      /^v2 rows +0 DELTA, 0 PIDX, 1 SHARD$/m,
      /^v2 origin +migrated_from_v1$/m,
      /^lease +none$/m,
      /^outcome +migrated at 20.*attempt 1$/m,
    ]) {
      expect(stdout).to.match(line);
    }
  });

  it("says of an actor that a worker handed back that it did, and not a time of long ago", async () => {
    await writeFile(folder.in("db"), syntheticImage(3, "text"));
    const { actor } = await importFile(folder.in("db"), "--asleep");
    const lease = { token: new Uint8Array(16), image: "an image", sleepTs: undefined, head: new Uint8Array(1) };
    const inspected = async (expiresAtMs: number): Promise<string> => {
      const store = await openStore(folder.store);
      await store.transact((tx) => {
        writeLease(tx, actor.id, lease, expiresAtMs);
        return Promise.resolve();
      });
      await store.close();
      return (await ferryHere(["inspect", actor.id, "--store", folder.store])).stdout;
    };
    expect(await inspected(0)).to.match(/^lease +handed back, staging an image, token 0+$/m);
    expect(await inspected(1_800_000_000_000)).to.match(/^lease +until 2027-01-15T08:00:00\.000Z, staging an image/m);
  });

  it("says that nothing is known of an actor", async () => {
    await writeFile(folder.in("db"), "");
    await importFile(folder.in("db"));
    const { status, stdout } = await ferryHere(["inspect", "1oiajn08a8q7d6lm493farlh49cl00", "--store", folder.store]);
    expect(status).to.equal(0);
    expect(stdout)
      .to.match(/v1 +no data/)
      .and.to.match(/v2 +no data/)
      .and.to.match(/outcome +none recorded/);
  });
});
