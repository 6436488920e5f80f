import { createWriteStream } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { expect } from "chai";
import { ferry, ferryHere } from "../support/cli.ts";
import { formatRows, parseRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { syntheticImage, testActor, v1Rows } from "../support/v1-actors.ts";

/** A million rows must fit; a fifth of them shows whether memory grows with their number. */
const MANY = 200_000;
/** Node, the engine and a few transactions; measured 150 MiB. */
const MEMORY_BOUND_MIB = 260;

describe("ferry store", function () {
  this.timeout(120_000);
  const folder = temporaryFolder();

  async function load(input: string): Promise<{ status: number | null; stderr: string }> {
    const { status, stderr } = await ferryHere(["store", "load", "-", "--store", folder.store], { input });
    return { status, stderr };
  }

  async function dump(...args: readonly string[]): Promise<string> {
    return (await ferryHere(["store", "dump", "--store", folder.store, ...args])).stdout;
  }

  it("gives rows back in key order, whatever order they came in", async () => {
    const { status } = await load(
      '{"k":"02","v":"bb"}\n\n{"v":"AA", "k":"01FF"}\n{"k":"","v":""}\n{"k":"02","v":"cc"}',
    );
    expect(status).to.equal(0);
    expect(await dump()).to.equal('{"k":"","v":""}\n{"k":"01ff","v":"aa"}\n{"k":"02","v":"cc"}\n');
    expect(await dump("--prefix", "02")).to.equal('{"k":"02","v":"cc"}\n');
  });

  it("counts rows in JSON", async () => {
    const { stdout } = await ferryHere(["store", "load", "-", "--store", folder.store, "--json"], {
      input: '{"k":"02","v":"bb"}\n',
    });
    expect(stdout).to.equal('{"rows":1}\n');
  });

  const bad: readonly [string, string, RegExp][] = [
    ["is no JSON", "{", /not a row/],
    ["lacks a value", '{"k":"01"}', /not a row/],
    ["has more than key and value", '{"k":"01","v":"","x":1}', /not a row/],
    ["has odd hex", '{"k":"011","v":""}', /not a row/],
    ["has no hex", '{"k":"0x","v":""}', /not a row/],
    ["has a key that is a number", '{"k":1,"v":""}', /not a row/],
    ["has a key that is too long", `{"k":"${"00".repeat(10_001)}","v":""}`, /over 10000 bytes/],
    ["has a value that is too long", `{"k":"00","v":"${"00".repeat(100_001)}"}`, /over 100000/],
    ["has a key of FoundationDB's own", '{"k":"ff00","v":""}', /begins with ff/],
  ];
  for (const [title, line, message] of bad) {
    it(`refuses a line that ${title}, with its number; the rows before it are loaded`, async () => {
      const { status, stderr } = await load(`{"k":"01","v":"aa"}\n${line}\n{"k":"03","v":"cc"}\n`);
      expect(status).to.equal(2);
      expect(stderr)
        .to.match(/^ferry: Line 2 is /)
        .and.to.match(message)
        .and.to.match(/1 rows before it/);
      expect(await dump()).to.equal('{"k":"01","v":"aa"}\n');
    });
  }

  it("refuses a line without an end before it fills memory", async () => {
    const { status, stderr } = await load(`{"k":"01","v":"${"0".repeat(3_000_000)}`);
    expect(status).to.equal(2);
    expect(stderr).to.match(/Line 1 is longer/);
  });

  it("takes the largest row there can be", async () => {
    const line = `{"k":"${"01".repeat(10_000)}","v":"${"ab".repeat(100_000)}"}\n`;
    expect((await load(line)).status).to.equal(0);
    expect(await dump()).to.equal(line);
  });

  it("writes a file of its name only when it is whole", async () => {
    await load('{"k":"01","v":"aa"}\n');
    await dump(folder.in("rows"));
    expect(await readFile(folder.in("rows"), "utf8")).to.equal('{"k":"01","v":"aa"}\n');
    const { status, stderr } = await ferryHere(["store", "dump", folder.in("none/rows"), "--store", folder.store]);
    expect({ status, stderr }).to.deep.equal({
      status: 2,
      stderr: `ferry: Cannot write ${folder.in("none/rows")}: its folder does not exist.\n`,
    });
  });

  it("gives an actor's rows back byte for byte", async () => {
    const rows = formatRows(v1Rows(testActor(1), syntheticImage(30, "random")));
    await load(rows);
    expect(parseRows(await dump())).to.have.length(62);
    expect(await dump()).to.equal(rows);
  });

  it(`streams ${MANY} rows both ways in bounded memory`, async () => {
    const file = folder.in("many.ndjson");
    const sent = await writeMany(file);
    const report = folder.in("peak.mjs");
    // The peak of the process itself, at its end.
    await writeFile(
      report,
      `import { readFileSync, writeFileSync } from "node:fs";
       process.on("exit", () => writeFileSync(process.env.PEAK_FILE, /VmHWM:\\s+(\\d+)/.exec(readFileSync("/proc/self/status", "utf8"))[1]));`,
    );
    const env = { PEAK_FILE: folder.in("peak") };
    const peakMib = async (): Promise<number> => Number(await readFile(folder.in("peak"), "utf8")) / 1024;
    const options = { env, nodeArgs: ["--import", report] };
    const loaded = await ferry(["store", "load", file, "--store", folder.store], options);
    expect(loaded.stderr).to.equal(`${MANY} rows loaded.\n`);
    expect(await peakMib()).to.be.below(MEMORY_BOUND_MIB);
    await ferry(["store", "dump", folder.in("dumped"), "--store", folder.store], options);
    expect(await peakMib()).to.be.below(MEMORY_BOUND_MIB);
    const dumped = await readFile(folder.in("dumped"));
    expect(createHash("sha256").update(dumped).digest("hex")).to.equal(sent);
  });

  /** Rows of about 300 bytes in key order; returns the file's digest. */
  async function writeMany(file: string): Promise<string> {
    const hash = createHash("sha256");
    const stream = createWriteStream(file);
    for (let n = 0; n < MANY; n += 1) {
      const line = `{"k":"aa${n.toString(16).padStart(8, "0")}","v":"${(n % 256).toString(16).padStart(2, "0").repeat(300)}"}\n`;
      hash.update(line);
      if (!stream.write(line)) {
        await once(stream, "drain");
      }
    }
    stream.end();
    await once(stream, "finish");
    return hash.digest("hex");
  }
});
