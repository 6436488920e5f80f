import { once } from "node:events";
import { expect } from "chai";
import { systemClock } from "../../src/store/clock.ts";

describe("the machine's clock", () => {
  it("lets any number wait with one signal, without a warning of Node's", async () => {
    const warnings: Error[] = [];
    const keep = (warning: Error): void => void warnings.push(warning);
    process.on("warning", keep);
    try {
      const controller = new AbortController();
      const sleeps = Array.from({ length: 64 }, () => systemClock.sleep(60_000, controller.signal));
      const ended = Promise.allSettled(sleeps);
      controller.abort(new Error("enough"));
      expect((await ended).map(({ status }) => status)).to.deep.equal(Array(64).fill("rejected"));
      // Warnings come in the order they were given.
      const last = once(process, "warning");
      process.emitWarning("the last one");
      await last;
      expect(warnings.map(({ message }) => message)).to.deep.equal(["the last one"]);
    } finally {
      process.off("warning", keep);
    }
  });
});
