import { PassThrough, Readable, Writable } from "node:stream";
import { expect } from "chai";
import { runCommandLine } from "../../src/cli/command-line.ts";
import { EXIT } from "../../src/cli/exit-status.ts";
import { Notes } from "../../src/cli/notes.ts";
import { Output } from "../../src/cli/output.ts";
import { ferryHere } from "../support/cli.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

/** Standard output that fails as no stream does. */
class BrokenOutput extends Writable {
  override write(): boolean {
    throw new TypeError("nobody has thought of this");
  }
}

describe("a command that ends by a bug", () => {
  const folder = temporaryFolder();

  const said = async (args: readonly string[], environment: Record<string, string> = {}): Promise<string> => {
    const stderr = new PassThrough();
    let text = "";
    stderr.setEncoding("utf8").on("data", (part: string) => (text += part));
    const status = await runCommandLine([...args, "throttle", "get"], {
      environment: { FERRY_STORE: folder.store, ...environment },
      stdin: Readable.from([]),
      output: new Output(new BrokenOutput()),
      notes: new Notes(stderr),
      signal: new AbortController().signal,
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(status).to.equal(EXIT.bug);
    expect(text).to.match(/^ferry: This is a bug in Ferry, please report it: TypeError: nobody has thought of this\./);
    return text;
  };

  beforeEach(async () => {
    await ferryHere(["store", "load", "-"], { env: { FERRY_STORE: folder.store } });
  });

  it("shows where it happened with the log level debug, in whichever way that is said, and only then", async () => {
    const stack = /^ +at .*command-line\.spec\.ts/m;
    expect(await said([])).not.to.match(stack);
    expect(await said(["--log-level", "info"], { FERRY_LOG_LEVEL: "debug" })).not.to.match(stack);
    for (const text of [
      await said(["--log-level", "debug"]),
      await said(["--log-level=debug"]),
      await said([], { FERRY_LOG_LEVEL: "debug" }),
    ]) {
      expect(text).to.match(stack);
    }
  });
});
