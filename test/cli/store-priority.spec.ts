import { PassThrough, Readable } from "node:stream";
import { expect } from "chai";
import type { Command } from "commander";
import { Notes } from "../../src/cli/notes.ts";
import { Output } from "../../src/cli/output.ts";
import { makeProgram } from "../../src/cli/program.ts";
import { Runner, type Run } from "../../src/cli/run.ts";
import { loadConfig } from "../../src/config/config.ts";
import type { Priority } from "../../src/store/store.ts";
import { testActor } from "../support/v1-actors.ts";

/** Ends a command where it opens its store. */
class Opened extends Error {
  readonly priority: Priority;

  constructor(priority: Priority = "default") {
    super("a command opened its store");
    this.priority = priority;
  }
}

const SURROUNDINGS = {
  environment: { FERRY_USER: "ada" },
  stdin: Readable.from([]),
  output: new Output(new PassThrough().resume()),
  notes: new Notes(new PassThrough().resume()),
  signal: new AbortController().signal,
};

class OpeningRunner extends Runner {
  override async run(_command: Command, body: (run: Run) => Promise<unknown>): Promise<void> {
    await body({
      ...SURROUNDINGS,
      config: loadConfig(SURROUNDINGS.environment, {}),
      json: false,
      openStore: (options) => Promise.reject(new Opened(options?.priority)),
      openQueue: () => Promise.reject(new Error("the store is opened first")),
    });
  }
}

/** The priority with which a command line opens its store. */
async function priorityOf(line: string): Promise<Priority> {
  const program = makeProgram(new OpeningRunner(SURROUNDINGS), SURROUNDINGS);
  try {
    await program.parseAsync(line.split(" "), { from: "user" });
  } catch (error) {
    if (error instanceof Opened) {
      return error.priority;
    }
    throw error;
  }
  throw new Error(`"${line}" opened no store`);
}

const ID = testActor(1).id;

describe("the store's priority", () => {
  for (const line of [
    "worker",
    "feeder",
    "enqueue --scan",
    "requeue --state failed",
    "verify --campaign c",
    "cleanup --campaign c --delete",
    "outcomes",
    "rejected list",
    "rejected group",
    "campaign plan --scan",
    "campaign report c",
    "campaign audit c",
    "store dump",
    "store load -",
  ]) {
    it(`is batch for what goes over many actors: ${line}`, async () => {
      expect(await priorityOf(line)).to.equal("batch");
    });
  }

  for (const line of [
    `inspect ${ID}`,
    `rejected show ${ID}`,
    `waive ${ID} --reason-text x`,
    "rollback --campaign c",
    "throttle set --rate 1",
    "campaign create c --scan",
    "campaign pause c",
    "campaign show c",
    "campaign explain c",
  ]) {
    it(`is the default where an operator waits for it: ${line}`, async () => {
      expect(await priorityOf(line)).to.equal("default");
    });
  }
});
