import { Worker } from "node:worker_threads";
import { expect } from "chai";
import { CheckThread } from "../../../src/migration/integrity/check-thread.ts";

const REQUEST = { file: "nowhere", mode: "quick" } as const;

describe("migration/integrity/check-thread", function () {
  this.timeout(20_000);

  it("fails a check whose thread throws or exits, and is not usable afterwards", async () => {
    for (const onMessage of ["throw new Error('trap')", "process.exit(3)"]) {
      const worker = new CheckThread(() => threadThat(onMessage));
      const failure: unknown = await worker.run(REQUEST, new AbortController().signal).catch((error: unknown) => error);
      expect(failure).to.include({ code: "integrity_worker_failed" });
      expect(worker.usable).to.equal(false);
    }
  });

  it("notices a thread that dies while it has nothing to do", async () => {
    const worker = new CheckThread(() => new Worker("process.exit(0)", { eval: true }));
    for (let wait = 0; worker.usable && wait < 200; wait += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    expect(worker.usable).to.equal(false);
  });

  it("blames the machine when SQLite cannot open the file", async () => {
    const worker = new CheckThread();
    const failure: unknown = await worker.run(REQUEST, new AbortController().signal).catch((error: unknown) => error);
    expect(failure).to.include({ code: "integrity_no_resources" });
    expect(worker.usable).to.equal(true);
    await worker.stop();
  });
});

function threadThat(onMessage: string): Worker {
  return new Worker(`require("node:worker_threads").parentPort.on("message", () => { ${onMessage} })`, { eval: true });
}
