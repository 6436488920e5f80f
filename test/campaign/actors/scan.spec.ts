import { setTimeout as sleep } from "node:timers/promises";
import { expect } from "chai";
import { scanActors } from "../../../src/campaign/actors/scan.ts";
import { parseActorId, type ActorId } from "../../../src/formats/actor-id.ts";
import { StoreError } from "../../../src/store/errors.ts";
import type { Store, TransactionReport } from "../../../src/store/store.ts";
import { errorOf } from "../../store/contract/harness.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import {
  bytesOf,
  entryRows,
  fileMetadataK,
  fileMetadataValue,
  idText,
  testActor,
  type Row,
} from "../../support/v1-actors.ts";

const signal = new AbortController().signal;

describe("a scan", () => {
  async function storeWith(rows: readonly Row[], reports: TransactionReport[] = []): Promise<MemoryStore> {
    const store = new MemoryStore({ observer: (report) => reports.push(report) });
    await store.transact(async (tx) => {
      rows.forEach(({ key, value }) => {
        tx.set(key, value);
      });
      await Promise.resolve();
    });
    return store;
  }

  async function scan(store: MemoryStore): Promise<ActorId[]> {
    const ids: ActorId[] = [];
    for await (const batch of scanActors(store, signal)) {
      ids.push(...batch);
    }
    return ids;
  }

  const sized = (n: number): Row[] => entryRows(testActor(n), fileMetadataK(0), fileMetadataValue(0));

  it("finds nothing in an empty store", async () => {
    expect(await scan(await storeWith([]))).to.deep.equal([]);
  });

  it("finds every actor once, over many transactions", async () => {
    const numbers = Array.from({ length: 3_000 }, (_, n) => n);
    const reports: TransactionReport[] = [];
    const ids = await scan(await storeWith(numbers.flatMap(sized), reports));
    expect(ids).to.have.length(3_000);
    expect([...ids].sort()).to.deep.equal(numbers.map((n) => testActor(n).id).sort());
    expect(reports.filter(({ label }) => label === "scan")).to.have.length.at.least(64);
  });

  it("fails where the store does while its actors are made use of, and leaves nothing unheard", async () => {
    // All in one range of the scan, which reads on there while the first of them are made use of.
    const whole = await storeWith(
      Array.from({ length: 600 }, (_, n) => {
        const idBytes = Uint8Array.of(1, ...new Uint8Array(14), n >> 8, n & 0xff, 0, 1);
        return entryRows({ id: parseActorId(idText(idBytes)), idBytes }, fileMetadataK(0), fileMetadataValue(0));
      }).flat(),
    );
    const away = new StoreError("unavailable", "the store is away");
    let isAway = false;
    const store: Store = {
      url: whole.url,
      engine: whole.engine,
      close: () => whole.close(),
      transact: (body, options) => (isAway ? Promise.reject(away) : whole.transact(body, options)),
    };
    const unheard: unknown[] = [];
    const note = (reason: unknown): void => void unheard.push(reason);
    process.on("unhandledRejection", note);
    const useSlowly = async (): Promise<void> => {
      for await (const _ of scanActors(store, signal)) {
        isAway = true;
        await sleep(20);
      }
    };
    expect(await errorOf(useSlowly())).to.equal(away);
    process.off("unhandledRejection", note);
    expect(unheard).to.deep.equal([]);
  });

  it("steps over actors that have other keys only, before and behind a database's", async () => {
    const other = (n: number, byte: number): Row[] => entryRows(testActor(n), Uint8Array.of(byte), bytesOf("x"));
    const rows = [
      ...other(1, 1),
      ...other(2, 9),
      ...other(3, 1),
      ...other(3, 9),
      ...sized(4),
      ...other(4, 1),
      ...other(5, 7),
    ];
    expect(await scan(await storeWith([...rows, ...other(6, 8)]))).to.have.members([testActor(4).id, testActor(6).id]);
  });

  it("steps over keys of no known actor", async () => {
    const start = bytesOf(0x14, 0x15, 3, 0x15, 72, 0x40);
    const foreign = [bytesOf(start), bytesOf(start, 1), bytesOf(start, 2, new Uint8Array(30)), bytesOf(start, 0xff)];
    const rows = foreign.map((key) => ({ key, value: bytesOf("x") }));
    expect(await scan(await storeWith([...rows, ...sized(1)]))).to.deep.equal([testActor(1).id]);
  });

  it("stops when its consumer does, and leaves no transaction under way", async () => {
    const store = await storeWith(Array.from({ length: 300 }, (_, n) => n).flatMap(sized));
    for await (const batch of scanActors(store, signal)) {
      expect(batch).not.to.have.length(0);
      break;
    }
    await store.close();
  });

  it("stops with the signal's reason", async () => {
    const store = await storeWith(sized(1));
    const reason = new Error("enough");
    let thrown: unknown;
    await scanActors(store, AbortSignal.abort(reason))
      .next()
      .catch((error: unknown) => (thrown = error));
    expect(thrown).to.equal(reason);
  });
});
