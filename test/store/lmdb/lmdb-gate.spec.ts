import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { UnavailableError } from "../../../src/errors.ts";
import { LmdbGate } from "../../../src/store/lmdb/lmdb-gate.ts";
import { openStore } from "../../../src/store/open-store.ts";
import { errorOf } from "../contract/harness.ts";

const INCREMENT = new URL("./processes/increment.ts", import.meta.url);
const WRITE_PAIRS = new URL("./processes/write-pairs.ts", import.meta.url);

describe("the gate of an embedded store", function () {
  this.timeout(60_000);
  let directory: string;
  let sign: string;
  let gate: LmdbGate;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-gate-"));
    sign = join(directory, "gate", "opening");
    gate = new LmdbGate(directory, { maxCommits: 16, waitMs: 5 });
  });

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
    }
    await gate.close();
    await rm(directory, { recursive: true });
  });

  const start = (script: URL, ...args: string[]): ChildProcess => {
    const command = ["--import", "tsx", fileURLToPath(script), directory, ...args];
    const child = spawn(process.execPath, command, { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  };
  const startOpener = (): ChildProcess => start(INCREMENT, "1");
  const signIsUp = async (): Promise<void> => {
    for (const deadline = Date.now() + 20_000; !existsSync(sign) && Date.now() < deadline;) {
      await sleep(1);
    }
    expect(existsSync(sign)).to.equal(true);
  };

  it("keeps a process that opens the store waiting for a commit that is under way", async () => {
    const opener = startOpener();
    await gate.pass(async () => {
      await signIsUp();
      for (let look = 0; look < 100; look++) {
        await sleep(1);
        expect(existsSync(sign)).to.equal(true);
      }
    });
    const [status] = (await once(opener, "close")) as [number | null];
    expect(status).to.equal(0);
    expect(existsSync(sign)).to.equal(false);
  });

  it("keeps commits waiting while a process opens the store", async () => {
    const opener = startOpener();
    let later: Promise<boolean> | undefined;
    await gate.pass(async () => {
      await signIsUp();
      later = gate.pass(() => Promise.resolve(existsSync(join(directory, "data.mdb"))));
    });
    expect(await later, "it did not wait").to.equal(true);
    await once(opener, "close");
  });

  it("lets all pass when one was killed as it opened the store", async () => {
    const opener = startOpener();
    await gate.pass(async () => {
      await signIsUp();
      opener.kill("SIGKILL");
      await once(opener, "close");
    });
    expect(existsSync(sign)).to.equal(true);
    expect(await gate.pass(() => Promise.resolve("committed"))).to.equal("committed");
    expect(existsSync(sign)).to.equal(false);
    await writeFile(sign, "");
    const store = await openStore(`lmdb:${directory}`);
    expect(existsSync(sign)).to.equal(false);
    await store.close();
  });

  it("lets one open the store when another was killed as it committed", async () => {
    const writer = start(WRITE_PAIRS);
    await once(writer.stdout ?? writer, "data");
    writer.kill("SIGKILL");
    await once(writer, "close");
    await (await openStore(`lmdb:${directory}`)).close();
  });

  it("gives up opening when a commit takes too long, and leaves no sign", async () => {
    await gate.pass(async () => {
      const error = await errorOf(Promise.resolve().then(() => gate.alone(() => "opened")));
      expect(error).to.be.instanceOf(UnavailableError).with.property("code", "store_unavailable");
      expect(existsSync(sign)).to.equal(false);
    });
    expect(gate.alone(() => "opened")).to.equal("opened");
  });
});
