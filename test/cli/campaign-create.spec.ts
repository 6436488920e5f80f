import { PassThrough, Readable } from "node:stream";
import { expect } from "chai";
import { createNew } from "../../src/cli/campaign/create.ts";
import { InterruptedError } from "../../src/cli/interrupted-error.ts";
import { Notes } from "../../src/cli/notes.ts";
import { Output } from "../../src/cli/output.ts";
import { loadConfig } from "../../src/config/config.ts";
import { UnavailableError } from "../../src/errors.ts";
import { openStore } from "../../src/store/open-store.ts";
import { actorIds } from "../support/campaign-fleet.ts";
import { ferryHere, type Ended } from "../support/cli.ts";
import { FaultyStore } from "../support/faulty-store.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

const IDS = actorIds(2_000);
const LIST = IDS.join("\n");

describe("ferry campaign create that ends in the middle of its list", () => {
  const folder = temporaryFolder();
  const ferry = (args: readonly string[], input = ""): Promise<Ended> =>
    ferryHere(["--store", folder.store, ...args], { env: { FERRY_USER: "ann" }, input });

  const interruption = new InterruptedError("SIGINT");
  const lost = new UnavailableError("store_lost", "The store is gone.");
  for (const [title, error] of [
    ["by Ctrl-C", interruption],
    ["with its store", lost],
  ] as const) {
    it(`${title} says what is left, and goes on when it is repeated`, async () => {
      await ferry(["store", "load", "-"]);
      const stopping = new AbortController();
      const store = await openStore(folder.store);
      // The first commit creates it, and the third is in the middle of the list.
      const ending = new FaultyStore(store, 3, () => {
        if (error === lost) {
          throw lost;
        }
        stopping.abort(error);
        return Promise.resolve();
      });
      const stderr = new PassThrough({ encoding: "utf8" });
      const created = createNew(
        {
          environment: { FERRY_USER: "ann" },
          stdin: Readable.from([Buffer.from(LIST)]),
          output: new Output(new PassThrough().resume()),
          notes: new Notes(stderr),
          signal: stopping.signal,
          config: loadConfig({}, {}),
          json: false,
          openStore: () => Promise.resolve(ending),
          openQueue: () => Promise.reject(new Error("no queue is asked")),
        },
        "some",
        { from: "-" },
      );
      expect(await created.catch((thrown: unknown) => thrown)).to.equal(error);
      await store.close();
      expect(stderr.read()).to.equal(
        "Campaign some was not created to its end: the same command adds the rest, and ferry campaign delete some takes back what is there.\n",
      );

      expect((await ferry(["campaign", "show", "some"])).stdout).to.match(
        /^end +not created to its end: some of its actors are missing$/m,
      );
      expect((await ferry(["campaign", "explain", "some"])).stdout).to.contain("repeat it, which adds the rest");
      for (const args of [["start"], ["plan"]]) {
        const refused = await ferry(["campaign", ...args, "some"]);
        expect([refused.status, refused.stdout]).to.deep.equal([2, ""]);
        expect(refused.stderr).to.match(/^ferry: Campaign "some" was not created to its end, .* repeat its ferry/);
      }
      const { status, stdout } = await ferry(["campaign", "create", "some", "--from", "-"], LIST);
      expect(status).to.equal(0);
      expect(stdout).to.match(/^campaign some was created already, and not to its end: \d+ actors more; created\n$/);
      expect((await ferry(["campaign", "show", "some"])).stdout).to.match(/^progress +0\.0 % \(0 of 2000\)$/m);
      expect((await ferry(["campaign", "delete", "some"])).status).to.equal(0);
    });
  }
});
