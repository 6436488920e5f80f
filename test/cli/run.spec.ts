import { PassThrough, Readable } from "node:stream";
import { expect } from "chai";
import { Command } from "commander";
import { Notes } from "../../src/cli/notes.ts";
import { Output } from "../../src/cli/output.ts";
import { Runner, type Run } from "../../src/cli/run.ts";
import type { Store } from "../../src/store/store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describe("the end of a command", () => {
  const folder = temporaryFolder();

  /** What is thrown where two stores were opened of which the last does not close. */
  async function endOf(body: () => Promise<undefined>): Promise<{ thrown: unknown; closed: string[] }> {
    const runner = new Runner({
      environment: { FERRY_STORE: folder.store },
      stdin: Readable.from([]),
      output: new Output(new PassThrough()),
      notes: new Notes(new PassThrough()),
      signal: new AbortController().signal,
    });
    const closed: string[] = [];
    const openAs = async (run: Run, name: string, error?: Error): Promise<void> => {
      const store: Store = await run.openStore({ create: true });
      const close = store.close.bind(store);
      store.close = async () => {
        closed.push(name);
        await close();
        if (error !== undefined) {
          throw error;
        }
      };
    };
    const running = runner.run(new Command(), async (run) => {
      await openAs(run, "first");
      await openAs(run, "last", new Error("it does not close"));
      return body();
    });
    return { thrown: await running.catch((error: unknown) => error), closed };
  }

  it("is told by what the command failed of, and not by what did not close then", async () => {
    const failure = new Error("what the operator has to know");
    const { thrown, closed } = await endOf(() => Promise.reject(failure));
    expect(thrown).to.equal(failure);
    expect(closed).to.deep.equal(["last", "first"]);
  });

  it("is told by what did not close where the command had done its work", async () => {
    const { thrown, closed } = await endOf(() => Promise.resolve(undefined));
    expect(thrown).to.include({ message: "it does not close" });
    expect(closed).to.deep.equal(["last", "first"]);
  });
});
