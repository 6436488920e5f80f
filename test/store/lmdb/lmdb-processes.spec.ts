import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { openStore } from "../../../src/store/open-store.ts";
import type { Store } from "../../../src/store/store.ts";

const NODE = [process.execPath, "--import", "tsx"] as const;
/** Runs a shell command in a mount namespace of its own. */
const NAMESPACE = ["unshare", "-rm", "sh", "-c"] as const;
const INCREMENT = new URL("./processes/increment.ts", import.meta.url);
const WRITE_PAIRS = new URL("./processes/write-pairs.ts", import.meta.url);
const WRITE_AND_LOOK = new URL("./processes/write-and-look.ts", import.meta.url);
const FILL = new URL("./processes/fill.ts", import.meta.url);
const FILL_AND_CLOSE = new URL("./processes/fill-and-close.ts", import.meta.url);
const everything = { begin: new Uint8Array(), end: Uint8Array.of(0xff) };

describe("an embedded store and several processes", function () {
  this.timeout(60_000);
  let directory: string;
  let store: Store;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "ferry-processes-"));
    store = await openStore(`lmdb:${directory}`);
  });

  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
    }
    await store.close();
    await rm(directory, { recursive: true });
  });

  const start = (command: readonly string[], script: URL, ...args: string[]): ChildProcess => {
    const path = fileURLToPath(script);
    const [program = "", ...rest] = command;
    const child = spawn(program, [...rest, path, directory, ...args], { stdio: ["ignore", "pipe", "inherit"] });
    children.push(child);
    return child;
  };

  const outputOf = async (child: ChildProcess): Promise<string> => {
    let output = "";
    child.stdout?.on("data", (chunk: Buffer) => (output += chunk.toString()));
    const [status] = (await once(child, "close")) as [number | null];
    expect(status).to.equal(0);
    return output.trim();
  };

  it("lose no increment that processes make at once", async () => {
    const key = Buffer.from("n");
    const outputs = Array.from({ length: 4 }, () => outputOf(start(NODE, INCREMENT, "100")));
    for (let index = 0; index < 100; index++) {
      await store.transact(async (tx) => {
        tx.set(key, Buffer.from(String(Number(Buffer.from((await tx.get(key)) ?? []).toString()) + 1)));
      });
    }
    const attempts = (await Promise.all(outputs)).map(Number);
    const total = await store.transact((tx) => tx.get(key));
    expect(Buffer.from(total ?? []).toString()).to.equal("500");
    expect(
      attempts.reduce((sum, each) => sum + each, 0),
      "they never met",
    ).to.be.greaterThan(400);
  });

  it("lose no row of those that stay open while others open the store, write, and close it", async () => {
    const lasting = ["a", "b"].map((name) => outputOf(start(NODE, WRITE_AND_LOOK, name, "1600")));
    const writers = { areWriting: true };
    const ended = Promise.all(lasting).finally(() => {
      writers.areWriting = false;
    });
    const passing: string[] = [];
    for (let round = 0; writers.areWriting || round < 5; round += 1) {
      passing.push(await outputOf(start(NODE, WRITE_AND_LOOK, `passing${round}`, "40")));
    }
    expect(new Set([...(await ended), ...passing])).to.deep.equal(new Set(["0 wrong"]));
  });

  it("go on when one is killed in the middle of writing, and see all or nothing of what it wrote", async () => {
    const readValues = (): Promise<Set<string>> =>
      store.transact(async (tx) => {
        const values = new Set<string>();
        for await (const batch of tx.getRange(everything)) {
          batch.forEach((row) => values.add(Buffer.from(row.value).toString()));
        }
        return values;
      });
    for (let round = 0; round < 3; round++) {
      const child = start(NODE, WRITE_PAIRS);
      await once(child.stdout ?? child, "data");
      expect((await readValues()).size).to.equal(1);
      child.kill("SIGKILL");
      await once(child, "close");
      expect((await readValues()).size).to.equal(1);
      await store.transact(async (tx) => {
        tx.clearRange(everything);
        await Promise.resolve();
      });
      expect((await readValues()).size).to.equal(0);
    }
  });

  it("close behind a commit that found no room", async () => {
    const limited = ["sh", "-c", 'ulimit -f 4000 && exec "$0" "$@"', ...NODE];
    expect(await outputOf(start(limited, FILL_AND_CLOSE))).to.equal("failed, closed");
  });

  it("say that the disk is full, can still be read, and go on when there is room", async function () {
    const mount = `mount -t tmpfs -o size=16m tmpfs "${directory}"`;
    if (spawnSync(NAMESPACE[0], [...NAMESPACE.slice(1), mount]).status !== 0) {
      this.skip(); // a small disk can only be mounted where user namespaces are allowed
    }
    const fill = `${mount} && head -c 4m /dev/zero > "${directory}/ballast" && touch "${directory}/data.mdb" && exec "$0" "$@"`;
    const full = start([...NAMESPACE, fill, ...NODE], FILL);
    expect(await outputOf(full)).to.equal("disk_full, some rows, then written");
  });
});
