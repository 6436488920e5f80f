import { expect } from "chai";
import { pulled } from "../../src/migration/pulled.ts";

describe("what is pulled", () => {
  it("comes in order, asked for when it is wanted, and is not closed at its end", async () => {
    let given = 0;
    let closed = 0;
    const values = pulled(
      () => Promise.resolve(given === 3 ? undefined : (given += 1)),
      () => Promise.resolve((closed += 1)),
    );
    const seen: number[][] = [];
    for await (const value of values) {
      seen.push([value, given]);
    }
    expect(seen).to.deep.equal([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    expect(closed).to.equal(0);
  });

  it("is closed where its consumer stops early or fails", async () => {
    let closed = 0;
    const values = pulled(
      () => Promise.resolve(1),
      () => Promise.resolve((closed += 1)),
    );
    for await (const value of values) {
      expect(value).to.equal(1);
      break;
    }
    expect(closed).to.equal(1);
    const failing = async (): Promise<void> => {
      for await (const value of values) {
        throw new Error(`the consumer's, at ${value}`);
      }
    };
    expect(await failing().catch((error: unknown) => (error as Error).message)).to.equal("the consumer's, at 1");
    expect(closed).to.equal(2);
  });

  it("fails as what gives it does", async () => {
    const first = async (): Promise<void> => {
      for await (const value of pulled<number>(() => Promise.reject(new Error("not to be read")))) {
        expect.fail(`there is ${value}`);
      }
    };
    expect(await first().catch((error: unknown) => (error as Error).message)).to.equal("not to be read");
  });
});
