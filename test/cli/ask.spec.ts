import { getEventListeners } from "node:events";
import { PassThrough } from "node:stream";
import { expect } from "chai";
import { ask } from "../../src/cli/ask.ts";
import { InterruptedError } from "../../src/cli/interrupted-error.ts";
import { Notes } from "../../src/cli/notes.ts";

describe("a question at the terminal", () => {
  const asked = (
    type: (stdin: PassThrough) => void,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<unknown> => {
    const stdin = new PassThrough();
    const terminal = Object.assign(new PassThrough(), { isTTY: true });
    const answer = ask({ stdin, notes: new Notes(terminal), signal }, "Sure? ");
    type(stdin);
    return answer.catch((error: unknown) => error);
  };

  it("is answered by a line", async () => {
    expect(await asked((stdin) => stdin.write("spring\r"))).to.equal("spring");
  });

  it("has an empty answer where input ends", async () => {
    expect(await asked((stdin) => stdin.end())).to.equal("");
  });

  it("is interrupted by Ctrl-C, which comes as a character and not as a signal", async () => {
    expect(await asked((stdin) => stdin.write("\u0003"))).to.be.instanceOf(InterruptedError);
  });

  it("is interrupted by a signal, also by one that came before it was asked", async () => {
    const interrupted = new InterruptedError("SIGTERM");
    const stop = new AbortController();
    const silent = (): void => undefined;
    const open = asked(silent, stop.signal);
    stop.abort(interrupted);
    expect(await open).to.equal(interrupted);
    expect(await asked(silent, stop.signal)).to.equal(interrupted);
  });

  it("leaves nothing at the signal once it is answered", async () => {
    const { signal } = new AbortController();
    await asked((stdin) => stdin.write("y\r"), signal);
    expect(getEventListeners(signal, "abort")).to.deep.equal([]);
  });
});
