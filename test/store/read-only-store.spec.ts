import { expect } from "chai";
import { ReadOnlyStore } from "../../src/store/read-only-store.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { bytes, errorOf, kindOf } from "./contract/harness.ts";

describe("a store that is read only", () => {
  it("begins nothing more once its signal fires, but minds a call's own one instead where there is one", async () => {
    const [ofStore, ofCall] = [new AbortController(), new AbortController()];
    const store = new ReadOnlyStore(new MemoryStore(), ofStore.signal);
    const read = (signal?: AbortSignal): Promise<unknown> =>
      store.transact((tx) => tx.get(bytes("a")), signal === undefined ? {} : { signal });
    expect(await read()).to.equal(undefined);
    ofStore.abort(new Error("the command ends"));
    expect(await errorOf(read())).to.have.property("message", "the command ends");
    expect(await read(ofCall.signal)).to.equal(undefined);
    ofCall.abort(new Error("the call ends"));
    expect(await errorOf(read(ofCall.signal))).to.have.property("message", "the call ends");
  });

  it("refuses every write", async () => {
    const store = new ReadOnlyStore(new MemoryStore());
    const written = store.transact((tx) => {
      tx.set(bytes("a"), bytes("1"));
      return Promise.resolve();
    });
    expect(await kindOf(written)).to.equal("read_only");
  });
});
