import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { exitStatusOf } from "../../src/cli/exit-status.ts";
import { InterruptedError, interruptionOr } from "../../src/cli/interrupted-error.ts";
import { AbortedError } from "../../src/migration/errors.ts";
import { errorOf } from "../store/contract/harness.ts";

describe("an interruption", () => {
  const reason = new InterruptedError("SIGINT");

  it("is what ends a command that it stopped in a wait or in an attempt, with 130 and not as a bug", async () => {
    const signal = AbortSignal.abort(reason);
    for (const error of [reason, new AbortedError(reason), await errorOf(sleep(60_000, undefined, { signal }))]) {
      expect(exitStatusOf(interruptionOr(error, signal))).to.equal(130);
    }
  });

  it("hides no other error", () => {
    const error = new Error("something else", { cause: new Error("why") });
    expect(interruptionOr(error, AbortSignal.abort(reason))).to.equal(error);
    expect(interruptionOr(error, new AbortController().signal)).to.equal(error);
  });
});
