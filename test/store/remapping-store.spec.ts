import { expect } from "chai";
import { RemappingStore } from "../../src/store/remapping-store.ts";
import { MemoryStore } from "../support/memory-store.ts";

const LIMIT_BYTES = 1_000;

describe("a store that is opened anew when too much of it is resident", () => {
  let residentBytes: number | undefined;
  let nowMs: number;
  let log: string[];

  beforeEach(() => {
    residentBytes = 0;
    nowMs = 0;
    log = [];
  });

  /** A store in memory that outlives its closings, as a file does. */
  function make(): RemappingStore {
    const inner = new MemoryStore();
    const open = (): MemoryStore => {
      log.push("open");
      const opened = Object.create(inner) as MemoryStore;
      opened.transact = (body, options) => inner.transact(body, options);
      opened.close = () => {
        log.push("close");
        return Promise.resolve();
      };
      return opened;
    };
    return new RemappingStore(open, {
      residentBytes: () => residentBytes,
      limitBytes: LIMIT_BYTES,
      nowMs: () => nowMs,
    });
  }

  async function read(store: RemappingStore): Promise<void> {
    nowMs += 1_000;
    await store.transact((tx) => tx.get(Uint8Array.of(1)));
  }

  it("stays open while little is", async () => {
    const store = make();
    residentBytes = LIMIT_BYTES;
    await read(store);
    await read(store);
    expect(log).to.deep.equal(["open"]);
  });

  it("counts from what is resident at its opening", async () => {
    residentBytes = 5_000;
    const store = make();
    await read(store);
    expect(log).to.deep.equal(["open"]);
    residentBytes = 6_001;
    await read(store);
    await read(store);
    expect(log).to.deep.equal(["open", "close", "open"]);
  });

  it("stays open where the system does not say", async () => {
    residentBytes = undefined;
    const store = make();
    await read(store);
    expect(log).to.deep.equal(["open"]);
  });

  it("keeps what was written", async () => {
    const store = make();
    residentBytes = LIMIT_BYTES + 1;
    nowMs += 1_000;
    await store.transact(async (tx) => {
      tx.set(Uint8Array.of(1), Uint8Array.of(2));
      await Promise.resolve();
    });
    expect(await store.transact((tx) => tx.get(Uint8Array.of(1)))).to.deep.equal(Uint8Array.of(2));
    expect(log).to.include("close");
  });

  it("closes under no transaction, and holds new ones back until it is open again", async () => {
    const store = make();
    let letGo = (): void => undefined;
    const slow = store.transact(async () => {
      await new Promise<void>((resolve) => (letGo = resolve));
      log.push("slow ends");
    });
    residentBytes = LIMIT_BYTES + 1;
    await read(store);
    const next = store.transact(async () => {
      log.push("next runs");
      await Promise.resolve();
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(log).to.deep.equal(["open"]);
    letGo();
    await Promise.all([slow, next]);
    expect(log).to.deep.equal(["open", "slow ends", "close", "open", "next runs"]);
  });

  it("gives up, for a while, when a transaction waits for another one", async () => {
    const store = make();
    residentBytes = LIMIT_BYTES + 1;
    await store.transact(async () => {
      await read(store);
      await read(store);
    });
    expect(log.filter((line) => line === "close").length).to.be.at.most(1);
  }).timeout(5_000);

  it("is closed once, whatever goes on", async () => {
    const store = make();
    residentBytes = LIMIT_BYTES + 1;
    await read(store);
    await store.close();
    await read(store).catch(() => undefined);
    expect(log.filter((line) => line === "open").length).to.equal(log.filter((line) => line === "close").length);
  });
});
