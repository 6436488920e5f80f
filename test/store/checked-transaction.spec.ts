import { expect } from "chai";
import { InvariantError } from "../../src/errors.ts";
import { CheckedTransaction } from "../../src/store/checked-transaction.ts";
import type { EngineTransaction } from "../../src/store/engine.ts";
import { bytes, errorOf } from "./contract/harness.ts";

describe("a checked transaction", () => {
  it("gives no further rows of a range to a body that has ended", async () => {
    const row = { key: bytes("a"), value: bytes("1") };
    const inner: Partial<EngineTransaction> = {
      // eslint-disable-next-line @typescript-eslint/require-await -- as engines give batches
      async *getRange() {
        yield [row];
        yield [row];
      },
    };
    const tx = new CheckedTransaction(inner as EngineTransaction);
    const batches = tx.getRange({ begin: bytes("a"), end: bytes("b") });
    expect((await batches.next()).value).to.deep.equal([row]);
    tx.end();
    expect(await errorOf(batches.next())).to.be.instanceOf(InvariantError);
  });
});
