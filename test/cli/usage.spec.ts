import { readdir, writeFile } from "node:fs/promises";
import { PassThrough, Readable, Writable } from "node:stream";
import { expect } from "chai";
import { runCommandLine } from "../../src/cli/command-line.ts";
import { InterruptedError } from "../../src/cli/interrupted-error.ts";
import { Notes } from "../../src/cli/notes.ts";
import { Output } from "../../src/cli/output.ts";
import { ferry, ferryHere, FerryProcess, type CommandOptions } from "../support/cli.ts";
import { freePort } from "../support/redis.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const ID = "1oiajn08a8q7d6lm493farlh49cl00";

describe("bad input to ferry", function () {
  this.timeout(60_000);
  const folder = temporaryFolder();

  const makeStore = (): Promise<unknown> => ferryHere(["store", "load", "-", "--store", folder.store]);

  /** One line on stderr that says what to do, nothing on stdout, no stack trace. */
  async function expectRefusal(
    args: readonly string[],
    status: number,
    message: RegExp,
    options: CommandOptions = {},
  ): Promise<void> {
    const ended = await ferryHere(["--store", folder.store, ...args], options);
    expect(ended.stdout).to.equal("");
    expect(ended.stderr)
      .to.match(/^ferry: [^\n]+\n$/)
      .and.to.match(message);
    expect(ended.stderr).not.to.match(/ at .*\.ts|node:internal|Error:|bug/);
    expect(ended.status).to.equal(status);
  }

  const usage: readonly [string, readonly string[], RegExp][] = [
    ["an unknown flag", ["outcomes", "--sate", "failed"], /Unknown option '--sate' \(Did you mean --state\?\)/],
    ["an unknown command", ["outcome"], /Unknown command 'outcome' \(Did you mean outcomes\?\)\. Try: ferry --help$/m],
    ["an unknown command below another", ["store", "lod", "x"], /Did you mean load\?\)\. Try: ferry store --help$/m],
    ["help for an unknown command", ["help", "nonsense"], /^ferry: Unknown command 'nonsense'\. Try: ferry --help$/m],
    ["help for one below another", ["help", "campaign", "lod"], /Unknown command 'lod'\. Try: ferry campaign --help$/m],
    ["help of an unknown command", ["nonsense", "--help"], /^ferry: Unknown command 'nonsense'\. Try: ferry --help$/m],
    ["help of one below another", ["store", "lod", "-h"], /Unknown command 'lod'\. Try: ferry store --help$/m],
    ["help for one of a group", ["store", "help", "lod"], /Unknown command 'lod'\. Try: ferry store --help$/m],
    ["a missing argument", ["rejected", "show"], /Missing required argument 'id'\. Try: ferry rejected show --help$/m],
    ["one argument too many", ["inspect", ID, ID], /Too many arguments/],
    ["a flag without its value", ["outcomes", "--state"], /argument missing/],
    ["a state that is none", ["outcomes", "--state", "done"], /Allowed choices are migrated, skipped, rejected/],
    [
      "an actor id that is too short",
      ["inspect", "abc"],
      /"abc" is not an actor id\. .* 30 characters; this one has 3/,
    ],
    ["an actor id with foreign characters", ["inspect", `${ID.slice(0, 29)}-`], /is not an actor id/],
    ["an actor id of another version", ["enqueue", `2${ID.slice(1)}`], /version/],
    ["a store of unknown kind", ["outcomes", "--store", "mysql:x"], /lmdb:DIRECTORY or fdb:CLUSTER_FILE/],
    ["a store without a place", ["outcomes", "--store", "lmdb:"], /lmdb:DIRECTORY or fdb:CLUSTER_FILE/],
    ["nothing to enqueue", ["enqueue"], /give actor ids, --from FILE, or --scan/],
    ["nothing to requeue", ["requeue"], /give actor ids, --reason or --state/],
    ["nobody to clean up", ["cleanup"], /their ids, --from FILE or --campaign NAME, and only one of these/],
    ["actors to clean up named in two ways", ["cleanup", ID, "--campaign", "a"], /only one of these/],
    ["a list beside ids", ["verify", ID, "--from", "-"], /only one of these/],
    ["a list beside a campaign", ["rollback", "--campaign", "a", "--from", "-"], /only one of these/],
    ["a name to confirm ids with", ["cleanup", ID, "--delete", "--confirm", "a"], /--confirm goes with --campaign/],
    [
      "a list without a name",
      ["enqueue", "--from", ""],
      /^ferry: --from "" cannot be used: write something, or leave it out\.$/m,
    ],
    [
      "two lists",
      ["enqueue", "--from", "a", "--from", "b"],
      /^ferry: Option '--from <file>' was given twice\. Try: ferry enqueue --help$/m,
    ],
    ["two campaigns", ["cleanup", "--campaign", "a", "--campaign=a"], /Option '--campaign <name>' was given twice/],
    ["a reason that is empty", ["requeue", "--reason", ""], /^ferry: --reason "" cannot be used/],
    ["a limit that is no number", ["requeue", "--state", "failed", "--limit", "x"], /write a whole number/],
    ["a setting that cannot be read", ["worker", "--concurrency", "many"], /--concurrency "many" cannot be used/],
    ["a list that is not there", ["enqueue", "--from", "/none/ids"], /Cannot read \/none\/ids: it does not exist/],
    ["a list that is a directory", ["enqueue", "--from", "/tmp"], /Cannot read \/tmp: it is a directory/],
    ["rows that are not there", ["store", "load", "/none/rows"], /Cannot read \/none\/rows: it does not exist/],
    ["rows that are a directory", ["store", "load", "/tmp"], /Cannot read \/tmp: it is a directory/],
    ["a database that is not there", ["v1", "import", "/none/db"], /Cannot read \/none\/db: it does not exist/],
    ["asleep and awake", ["v1", "import", "x", "--asleep", "--awake"], /either asleep or awake/],
    ["a prefix that is not hex", ["store", "dump", "--prefix", "xyz"], /is not hex/],
  ];
  for (const [title, args, message] of usage) {
    it(`refuses ${title} with status 2, and makes nothing`, async () => {
      await expectRefusal(args, 2, message);
      expect(await readdir(folder.path)).to.deep.equal([]);
    });
  }

  it("refuses a list with a bad line by its number, and enqueues nothing", async () => {
    const list = folder.in("ids");
    await writeFile(list, `# all of them\n\n${ID}\n${ID} # twice\nnot-an-id\n${ID}\n`);
    await expectRefusal(["enqueue", "--from", list], 2, /Line 5 of .*ids is not an actor id, so nothing was done/);
    expect(await readdir(folder.path)).to.deep.equal(["ids"]);
  });

  it("refuses a bad line on standard input as well", () =>
    expectRefusal(["enqueue", "--from", "-"], 2, /Line 2 of standard input/, { input: `${ID}\n${ID}x\n` }));

  it("refuses a Redis of unknown kind with status 2", async () => {
    await makeStore();
    await expectRefusal(["enqueue", ID, "--redis", "http://x"], 2, /is not a Redis URL; write redis:/);
  });

  const onStores: readonly (readonly string[])[] = [
    ["outcomes"],
    ["inspect", ID],
    ["enqueue", ID],
    ["requeue", "--state", "failed"],
    ["waive", ID, "--reason-text", "x"],
    ["worker", "--metrics-port", "off"],
    ["feeder", "--metrics-port", "off"],
    ["campaign", "create", "all", "--scan"],
    ["campaign", "plan", "--scan"],
    ["campaign", "start", "all"],
    ["campaign", "set", "all", "--rate", "5"],
    ["campaign", "delete", "all"],
    ["campaign", "list"],
    ["throttle", "set", "--rate", "5"],
    ["throttle", "clear"],
    ["rollback", ID],
    ["cleanup", "--campaign", "all", "--delete", "--confirm", "all"],
    ["v2", "export", ID, "out.sqlite"],
    ["v2", "discard", ID, "out.rows"],
    ["store", "dump"],
  ];
  for (const args of onStores) {
    it(`says with status 3 that there is no store for "${args.join(" ")}", and makes none`, async () => {
      await expectRefusal(args, 3, /There is no store here.*store\)\. Check --store.*ferry v1 import/);
      expect(await readdir(folder.path)).to.deep.equal([]);
    });
  }

  it("says with status 3 that a directory holds something else", async () => {
    await writeFile(folder.in("file"), "x");
    await expectRefusal(["outcomes", "--store", `lmdb:${folder.path}`], 3, /holds other files/);
  });

  it("says with status 3 that a store's place is a file", async () => {
    await writeFile(folder.in("file"), "x");
    await expectRefusal(["store", "load", "-", "--store", `lmdb:${folder.in("file")}`], 3, /and this is a file/);
  });

  it("says with status 3 that Redis does not answer, without its password", async () => {
    await makeStore();
    const redis = `redis://user:hunter2@127.0.0.1:${await freePort()}`;
    const message = /Redis at redis:\/\/user:\*\*\*@127\.0\.0\.1:\d+ does not answer/;
    await Promise.all([
      expectRefusal(["enqueue", ID, "--redis", redis], 3, message),
      expectRefusal(["worker", "--redis", redis, "--metrics-port", "off"], 3, message),
    ]);
  });

  it("prints help on stdout, with status 0, for every command", async () => {
    for (const [args, usage] of [
      [["--help"], "ferry"],
      [["help"], "ferry"],
      [["help", "enqueue"], "ferry enqueue"],
      [["help", "campaign"], "ferry campaign"],
      [["help", "campaign", "show"], "ferry campaign show"],
      [["campaign", "help", "show"], "ferry campaign show"],
      [["store", "load", "--help"], "ferry store load"],
      [["worker", "-h"], "ferry worker"],
    ] as const) {
      const { status, stdout, stderr } = await ferryHere(args);
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: "" });
      expect(stdout).to.match(new RegExp(`^Usage: ${usage} \\[`));
    }
  });

  it("tells in its help whether a flag's variable holds for a command, or the workers' own does", async () => {
    const lines = async (...args: string[]): Promise<string> =>
      (await ferryHere([...args, "--help"])).stdout.replace(/\s+/g, " ");
    for (const args of [["enqueue"], ["requeue"], ["campaign", "create"]]) {
      expect(await lines(...args), args.join(" ")).to.match(
        /--layout <layout> [^(]*\(default: as the worker is configured\)/,
      );
    }
    for (const args of [["worker"], ["campaign", "plan"]]) {
      expect(await lines(...args), args.join(" ")).to.match(/--layout <layout> [^(]*\(FERRY_LAYOUT; default shards\)/);
    }
    expect(await lines("campaign", "create")).to.match(/--target <target> [^(]*\(FERRY_TARGET; default storage\)/);
  });

  it("tells in its help of every exit status, that of an interruption included", async () => {
    const { stdout } = await ferryHere(["--help"]);
    expect(stdout.replaceAll(/\s+/g, " ")).to.match(
      /Exit status: 0 done; 1 .*; 2 .*; 3 .*; 4 a bug; 128 and the signal's number when interrupted \(130 after Ctrl-C\)/,
    );
  });

  it("shows help on stderr, with status 2, when it is asked nothing", async () => {
    const { status, stdout, stderr } = await ferryHere([]);
    expect({ status, stdout }).to.deep.equal({ status: 2, stdout: "" });
    expect(stderr).to.match(/^Usage: ferry/);
  });

  it("ends with the same status as a process", async () => {
    const { status, stderr } = await ferry(["outcomes", "--sate", "x"]);
    expect(status).to.equal(2);
    expect(stderr).to.match(/^ferry: Unknown option/);
  });

  it("ends when it is interrupted while it waits for its input", async () => {
    const interruption = new AbortController();
    const stderr = new PassThrough({ encoding: "utf8" });
    const ended = runCommandLine(["enqueue", "--from", "-"], {
      environment: {},
      stdin: new PassThrough(),
      output: new Output(new PassThrough()),
      notes: new Notes(stderr),
      signal: interruption.signal,
    });
    setImmediate(() => {
      interruption.abort(new InterruptedError("SIGTERM"));
    });
    expect([await ended, stderr.read()]).to.deep.equal([143, "ferry: Interrupted.\n"]);
  });

  it("ends quietly when nobody reads its output any more", async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => `{"k":"01${n.toString(16).padStart(8, "0")}","v":"00"}`);
    await ferryHere(["store", "load", "-", "--store", folder.store], { input: rows.join("\n") });
    const dump = new FerryProcess(["store", "dump", "--store", folder.store]);
    dump.child.stdout?.once("data", () => dump.child.stdout?.destroy());
    const { status, stderr } = await dump.ended();
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: "" });
  });

  it("ends quietly when nobody reads its help any more", async () => {
    const help = new FerryProcess(["--help"]);
    help.child.stdout?.destroy();
    const { status, stderr } = await help.ended();
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: "" });
  });

  it("says with status 2 that its output has no room, as of any other file", async () => {
    await ferryHere(["store", "load", "-", "--store", folder.store], { input: '{"k":"01","v":"00"}' });
    const error = Object.assign(new Error("ENOSPC: no space left on device, write"), {
      code: "ENOSPC",
      syscall: "write",
    });
    const stdout = new Writable({
      write: (_chunk, _encoding, done) => {
        done(error);
      },
    });
    const stderr = new PassThrough({ encoding: "utf8" });
    const status = await runCommandLine(["store", "dump", "--store", folder.store], {
      environment: {},
      stdin: Readable.from([]),
      output: new Output(stdout),
      notes: new Notes(stderr),
      signal: new AbortController().signal,
    });
    expect([status, stderr.read()]).to.deep.equal([2, "ferry: Standard output does not fit on its disk.\n"]);
  });
});
