import { spawnSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import path from "node:path";
import { expect } from "chai";
import { IntegrityChecker, type IntegrityOptions } from "../../../src/migration/integrity/integrity-checker.ts";
import type { IntegrityMode, IntegrityResult } from "../../../src/migration/integrity/integrity.ts";
import { MemorySource, type ByteSource } from "../../../src/migration/recovery/byte-source.ts";
import { written } from "../recovery/edited-bytes.ts";
import { SEED } from "../../support/run-options.ts";
import { Random } from "../recovery/random.ts";
import { databaseOf, filledDatabase } from "./made-databases.ts";

const MIB = 2 ** 20;

describe("migration/integrity", function () {
  this.timeout(120_000);
  let directory: string;
  let checker: IntegrityChecker;
  const opened: IntegrityChecker[] = [];

  before(() => {
    directory = mkdtempSync(path.join(tmpdir(), "ferry-integrity-spec-"));
    checker = open({});
  });

  after(async () => {
    await Promise.all(opened.map((each) => each.close()));
    rmSync(directory, { recursive: true });
  });

  afterEach(() => {
    expect(readdirSync(directory), "files left").to.deep.equal([]);
  });

  it("removes what processes left that were killed over a check, and nothing of those that live", async () => {
    const gone = spawnSync(process.execPath, ["--version"]).pid;
    const folderOf = (host: string, pid: number): string => `ferry-integrity-${pid}-${host}-abcdef`;
    const [left, ofLastRun] = [folderOf(hostname(), gone), folderOf(hostname(), process.pid)];
    const others = [folderOf(hostname(), process.ppid), folderOf("elsewhere", gone), "ferry-integrity-else"];
    for (const name of [left, ofLastRun, ...others]) {
      mkdirSync(path.join(directory, name));
      writeFileSync(path.join(directory, name, "image.sqlite"), "");
    }
    utimesSync(path.join(directory, ofLastRun), 1, 1);
    await open({}).check(new MemorySource(filledDatabase(1)), "quick");
    expect(readdirSync(directory).toSorted()).to.deep.equal(others.toSorted());
    others.forEach((name) => {
      rmSync(path.join(directory, name), { recursive: true });
    });
  });

  function open(options: IntegrityOptions): IntegrityChecker {
    const made = new IntegrityChecker({ directory, ...options });
    opened.push(made);
    return made;
  }

  function check(image: Uint8Array, mode: IntegrityMode = "quick"): Promise<IntegrityResult> {
    return checker.check(new MemorySource(image), mode);
  }

  it("passes sound images in both modes, and one of no bytes", async () => {
    const image = filledDatabase(500);
    expect(await check(image, "quick")).to.deep.equal({ ok: true });
    expect(await check(image, "full")).to.deep.equal({ ok: true });
    expect(await check(new Uint8Array(0))).to.deep.equal({ ok: true });
  });

  it("passes an image whose header says WAL mode", async () => {
    const image = written(filledDatabase(10), 18, Uint8Array.of(2, 2));
    expect(await check(image)).to.deep.equal({ ok: true });
  });

  it("says what SQLite says of something that is no database", async () => {
    const garbage = new Uint8Array(8192).fill(7);
    expect(await check(garbage)).to.deep.equal({ ok: false, reason: "damaged", lines: ["file is not a database"] });
  });

  it("gives SQLite's first ten lines of broken pages, without its heading", async () => {
    let image = filledDatabase(2000);
    for (let page = 3; page < 60; page += 2) {
      image = written(image, page * 4096, new Uint8Array(200).fill(0xff));
    }
    const result = await check(image);
    expect(result).to.include({ ok: false, reason: "damaged" });
    const lines = result.ok ? [] : result.lines;
    expect(lines).to.have.length(10);
    expect(lines[0]).to.match(/page \d+/);
    expect(lines.join("\n")).not.to.contain("***");
  });

  it("finds an image that was cut short", async () => {
    const image = filledDatabase(500);
    expect(await check(image.subarray(0, image.length - 8192))).to.include({ ok: false, reason: "damaged" });
  });

  it("finds an index that lacks a row in full mode, which is not quick's to see", async () => {
    const image = databaseOf(
      "CREATE TABLE t(a, b); CREATE INDEX i ON t(a); INSERT INTO t VALUES (1, 2), (3, 4)",
      "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = 'CREATE INDEX i ON t(b)' WHERE name = 'i'",
    );
    expect(await check(image, "quick")).to.deep.equal({ ok: true });
    const full = await check(image, "full");
    expect(full.ok ? [] : full.lines).to.include("row 1 missing from index i");
  });

  it("is undecided when the schema needs what only the application has", async () => {
    const image = databaseOf(
      "CREATE TABLE t(a COLLATE nocase); CREATE INDEX i ON t(a); INSERT INTO t VALUES ('x')",
      "PRAGMA writable_schema = 1; UPDATE sqlite_schema SET sql = replace(sql, 'nocase', 'their_own')",
    );
    const lines = ["no such collation sequence: their_own"];
    expect(await check(image)).to.deep.equal({ ok: false, reason: "undecided", lines });
  });

  it("comes to a result on whatever bytes", async () => {
    const random = new Random(SEED);
    const sound = filledDatabase(60);
    for (let index = 0; index < 60; index += 1) {
      let image = sound;
      for (let edits = random.between(1, 6); edits > 0; edits -= 1) {
        const at = random.chance(0.4) ? random.between(0, 120) : random.between(0, image.length - 1);
        image = written(image, at, random.bytes(random.between(1, 8)));
      }
      const result = await check(image, random.pick(["quick", "full"]));
      expect(result.ok || result.lines.length > 0, `FERRY_TEST_SEED=${SEED}, image ${index}`).to.equal(true);
    }
  });

  it("starts a thread with its first check alone, and reads an image once, a MiB at a time", async () => {
    const image = filledDatabase(6_000);
    const reads: [number, number][] = [];
    const counted: ByteSource = {
      size: image.length,
      read: (offset, length) => {
        reads.push([offset, length]);
        return Promise.resolve(image.subarray(offset, offset + length));
      },
    };
    let threads = 0;
    const count = (): void => void (threads += 1);
    process.on("worker", count);
    const cold = open({});
    await cold.check(counted, "quick");
    await cold.check(counted, "full");
    process.off("worker", count);
    expect(threads).to.equal(1);
    expect(image.length).to.be.within(MIB + 1, 2 * MIB);
    const once = [
      [0, MIB],
      [MIB, image.length - MIB],
    ];
    expect(reads).to.deep.equal([...once, ...once]);
  });

  it("leaves the event loop free", async () => {
    let turns = 0;
    const timer = setInterval(() => (turns += 1), 1);
    await check(filledDatabase(20_000), "full");
    clearInterval(timer);
    expect(turns).to.be.greaterThan(10);
  });

  it("never has more files than workers", async () => {
    const two = open({ workers: 2 });
    let most = 0;
    const timer = setInterval(() => (most = Math.max(most, readdirSync(directory).length)), 1);
    const image = new MemorySource(filledDatabase(2000));
    await Promise.all(Array.from({ length: 6 }, () => two.check(image, "full")));
    clearInterval(timer);
    expect(most).to.be.within(1, 2);
  });

  it("stops a check that takes too long, and makes the next one", async () => {
    let timeoutMs = 1;
    const hasty = open({ timeoutMs: () => timeoutMs });
    const image = new MemorySource(filledDatabase(20_000));
    expect(await failureOf(hasty.check(image, "full"))).to.include({ code: "integrity_timed_out" });
    timeoutMs = 100_000;
    expect(await hasty.check(image, "quick")).to.deep.equal({ ok: true });
  });

  it("stops when it is asked to, under way or waiting", async () => {
    const image = new MemorySource(filledDatabase(1000));
    const [underWay, waiting] = [new AbortController(), new AbortController()];
    const { held, begun } = heldBack(image, once(underWay.signal, "abort"));
    const first = failureOf(checker.check(held, "full", underWay.signal));
    const second = failureOf(checker.check(image, "full", waiting.signal));
    await begun;
    waiting.abort();
    expect(await second).to.include({ code: "aborted" });
    underWay.abort();
    expect(await first).to.include({ code: "aborted" });
    expect(await checker.check(image, "quick")).to.deep.equal({ ok: true });
  });

  it("refuses a signal that has fired", async () => {
    const image = new MemorySource(filledDatabase(1));
    expect(await failureOf(checker.check(image, "quick", AbortSignal.abort()))).to.include({ code: "aborted" });
  });

  it("passes on what the image's source throws", async () => {
    const error = new Error("the store is away");
    const image: ByteSource = { size: 3 * MIB, read: () => Promise.reject(error) };
    expect(await failureOf(checker.check(image, "quick"))).to.equal(error);
  });

  it("says when there is nowhere to write", async () => {
    const lost = open({ directory: path.join(directory, "missing") });
    const failure = await failureOf(lost.check(new MemorySource(filledDatabase(1)), "quick"));
    expect(failure).to.include({ code: "integrity_directory" });
  });

  it("closes: checks under way, waiting and later fail, and nothing is left", async () => {
    const closing = open({});
    const image = new MemorySource(filledDatabase(1000));
    await closing.check(image, "quick");
    const released = new EventEmitter();
    const { held, begun } = heldBack(image, once(released, "release"));
    const checks = [failureOf(closing.check(held, "full")), failureOf(closing.check(image, "full"))];
    await begun;
    const closed = closing.close();
    released.emit("release");
    await closed;
    for (const failure of await Promise.all(checks)) {
      expect(failure).to.include({ code: "integrity_closed" });
    }
    expect(await failureOf(closing.check(image, "quick"))).to.include({ code: "integrity_closed" });
    await closing.close();
  });
});

/** An image that is read once `until` has come, and when somebody began to. */
function heldBack(image: ByteSource, until: Promise<unknown>): { held: ByteSource; begun: Promise<unknown> } {
  const events = new EventEmitter();
  const begun = once(events, "begin");
  const held: ByteSource = {
    size: image.size,
    read: async (offset, length) => {
      events.emit("begin");
      await until;
      return image.read(offset, length);
    },
  };
  return { held, begun };
}

async function failureOf(check: Promise<IntegrityResult>): Promise<unknown> {
  try {
    return await check;
  } catch (error) {
    return error;
  }
}
