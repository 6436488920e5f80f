import { lstat, mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { expect } from "chai";
import { ferry, ferryHere } from "../support/cli.ts";
import { writeWholeFile } from "../../src/cli/whole-file.ts";
import { formatRows } from "../support/row-lines.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { syntheticImage, testActor, v1Rows } from "../support/v1-actors.ts";

const ACTOR = testActor(1);

/** Lets those who come through when there are so many of them. */
function barrier(count: number): () => Promise<void> {
  let waiting = count;
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    waiting -= 1;
    if (waiting === 0) {
      open();
    }
    return opened;
  };
}

describe("files that ferry writes as a whole", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  beforeEach(async () => {
    const input = formatRows(v1Rows(ACTOR, syntheticImage(20, "random")));
    await ferryHere(["store", "load", "-", "--store", folder.store], { input });
  });

  it("are not there, nor a part of them, where the disk takes less than it is given", async () => {
    const args = ["rejected", "export", ACTOR.id, "--include-pages", "-o", folder.in("evidence")];
    const whole = await ferryHere([...args, "--store", folder.store]);
    const { length } = await readFile(folder.in("evidence"));
    await writeFile(folder.in("evidence"), "as it was");
    const { status, stderr } = await ferry([...args, "--store", folder.store], { maxFileBytes: length - 1 });
    expect([whole.status, status]).to.deep.equal([0, 2]);
    expect(stderr).to.match(/^ferry: Cannot write .*evidence: .*\.\n$/);
    expect(await readFile(folder.in("evidence"), "utf8")).to.equal("as it was");
    expect(await readdir(folder.path)).to.have.members(["evidence", "store"]);
  });

  it("are a campaign's report too, which its readers may open", async () => {
    const args = ["campaign", "report", "empty", "--html", folder.in("report.html"), "--store", folder.store];
    await ferryHere(["campaign", "create", "empty", "--scan", "--store", folder.store]);
    await writeFile(folder.in("report.html"), "as it was");
    const { mode } = await lstat(folder.in("report.html"));
    const { status } = await ferry(args, { maxFileBytes: 4096 });
    expect([status, await readFile(folder.in("report.html"), "utf8")]).to.deep.equal([2, "as it was"]);
    expect(await readdir(folder.path)).to.have.members(["report.html", "store"]);
    expect((await ferryHere(args)).status).to.equal(0);
    expect(await readFile(folder.in("report.html"), "utf8")).to.match(/^<!doctype html>[^]*<\/html>\n$/);
    expect((await lstat(folder.in("report.html"))).mode).to.equal(mode);
  });

  it("are no standard output, whose reader would have what proves wrong at the end, and have a name", async () => {
    const parts = async function* (): AsyncGenerator<string> {
      await Promise.reject(new Error("something was written"));
      yield "";
    };
    for (const file of ["-", ""]) {
      const written = writeWholeFile(file, parts()).catch(String);
      expect(await written).to.contain(`Cannot write "${file}": name a file`);
    }
  });

  it("take no place that another took meanwhile, where they are to be new", async () => {
    const check = (): Promise<void> => writeFile(folder.in("new"), "another's");
    // eslint-disable-next-line @typescript-eslint/require-await -- what is written comes piece by piece
    const parts = async function* (): AsyncGenerator<string> {
      yield "ours";
    };
    const written = writeWholeFile(folder.in("new"), parts(), { check, isNew: true });
    expect(await written.catch(String)).to.contain("it exists already");
    expect(await readFile(folder.in("new"), "utf8")).to.equal("another's");
    await writeWholeFile(folder.in("next"), parts(), { isNew: true });
    expect(await readFile(folder.in("next"), "utf8")).to.equal("ours");
    expect(await readdir(folder.path)).to.have.members(["new", "next", "store"]);
  });

  it("are written beside each other, the last in place of the others, or the first where they are to be new", async () => {
    const bothBegun = new Map(["plain", "new"].map((name) => [name, barrier(2)]));
    const write = (name: string, text: string, isNew: boolean): Promise<string> => {
      // eslint-disable-next-line @typescript-eslint/require-await -- what is written comes piece by piece
      const parts = async function* (): AsyncGenerator<string> {
        yield text;
      };
      const check = async (): Promise<void> => bothBegun.get(name)?.();
      return writeWholeFile(folder.in(name), parts(), { check, isNew }).then(() => text, String);
    };
    expect(await Promise.all(["a", "b"].map(async (text) => write("plain", text, false)))).to.deep.equal(["a", "b"]);
    expect(await readFile(folder.in("plain"), "utf8")).to.be.oneOf(["a", "b"]);
    const [one = "", other = ""] = await Promise.all(["a", "b"].map(async (text) => write("new", text, true)));
    expect([one, other].filter((ending) => ending.includes("it exists already"))).to.have.length(1);
    expect([one, other]).to.include(await readFile(folder.in("new"), "utf8"));
    expect(await readdir(folder.path)).to.have.members(["plain", "new", "store"]);
  }).timeout(5_000);

  it("take no device's, link's or directory's place, and say so before anything is read", async () => {
    await symlink("/dev/null", folder.in("link"));
    await mkdir(folder.in("directory"));
    for (const [name, why] of [
      ["link", "it is no plain file"],
      ["directory", "it is a directory"],
    ] as const) {
      const { status, stderr } = await ferryHere(["store", "dump", folder.in(name), "--store", folder.store]);
      expect([status, stderr]).to.deep.equal([2, `ferry: Cannot write ${folder.in(name)}: ${why}.\n`]);
    }
    expect((await lstat(folder.in("link"))).isSymbolicLink()).to.equal(true);
  });

  it("can be read by who made them alone", async () => {
    await ferryHere(["store", "dump", folder.in("rows"), "--store", folder.store]);
    expect((await lstat(folder.in("rows"))).mode & 0o077).to.equal(0);
  });
});
