import { expect } from "chai";
import { StoreError } from "../../../src/store/errors.ts";
import type { TransactionReport } from "../../../src/store/store.ts";
import type { MakeStore } from "../../support/stores.ts";
import { bytes, errorOf, kindOf, withCorner } from "./harness.ts";

/** Attempts, reports, and the end of a store. */
export function describeLifecycle(makeStore: MakeStore): void {
  describe("transacting", () => {
    withCorner(makeStore, (corner) => {
      it("runs the body again after a conflict, and what the first run wrote is gone", async () => {
        const { store, key, put } = corner();
        let runs = 0;
        await store.transact(async (tx) => {
          runs += 1;
          await tx.get(key("a"));
          if (runs === 1) {
            await put({ a: "theirs" });
          }
          tx.set(key(`run ${String(runs)}`), bytes("mine"));
        });
        expect(await corner().contents()).to.deep.equal({ a: "theirs", "run 2": "mine" });
      });

      it("gives up after its attempts, and says what the last one met", async () => {
        const { store, key, put } = corner();
        let runs = 0;
        const error = await errorOf(
          store.transact(
            async (tx) => {
              runs += 1;
              await tx.get(key("a"));
              await put({ a: String(runs) });
              tx.set(key("b"), bytes("mine"));
            },
            { maxAttempts: 3 },
          ),
        );
        expect(runs).to.equal(3);
        expect(error).to.be.instanceOf(StoreError).with.property("code", "store_timed_out");
        expect((error as StoreError).cause).to.have.property("kind", "conflict");
      });

      it("stops between attempts when its signal is aborted, with the signal's reason", async () => {
        const { store, key, put } = corner();
        const abort = new AbortController();
        const reason = new Error("enough");
        const error = await errorOf(
          store.transact(
            async (tx) => {
              await tx.get(key("a"));
              await put({ a: "theirs" });
              tx.set(key("b"), bytes("mine"));
              abort.abort(reason);
            },
            { signal: abort.signal },
          ),
        );
        expect(error).to.equal(reason);
        expect(await corner().contents()).to.deep.equal({ a: "theirs" });
      });

      it("runs nothing when its signal is aborted already", async () => {
        let runs = 0;
        const reason = new Error("enough");
        const body = (): Promise<void> => {
          runs += 1;
          return Promise.resolve();
        };
        expect(await errorOf(corner().store.transact(body, { signal: AbortSignal.abort(reason) }))).to.equal(reason);
        expect(runs).to.equal(0);
      });

      it("reports every attempt to its observer", async () => {
        const reports: TransactionReport[] = [];
        const store = await makeStore({ observer: (report) => reports.push(report) });
        const { key, put } = corner();
        let runs = 0;
        await store.transact(
          async (tx) => {
            await tx.get(key("a"));
            if (++runs === 1) {
              await put({ a: "theirs" });
            }
            tx.set(key("b"), Buffer.alloc(100));
          },
          { label: "write" },
        );
        await store.transact((tx) => tx.get(key("b")), { label: "read" });
        await errorOf(store.transact(() => Promise.reject(new Error("no"))));
        const written = key("b").length + 100;
        expect(reports.map(({ label, result, writtenBytes }) => [label, result, writtenBytes])).to.deep.equal([
          ["write", "conflict", written],
          ["write", "committed", written],
          ["read", "read_only", 0],
          ["other", "failed", 0],
        ]);
        expect(reports.every(({ durationMs, commitMs }) => durationMs >= commitMs && commitMs >= 0)).to.equal(true);
        expect(reports.map(({ commitMs }) => commitMs > 0)).to.deep.equal([true, true, false, false]);
      });

      it("takes batch priority for a store and for a transaction", async () => {
        const store = await makeStore({ priority: "batch" });
        await store.transact((tx) => tx.get(corner().key("a")));
        await corner().store.transact((tx) => tx.get(corner().key("a")), { priority: "batch" });
      });

      it("closes after what is under way, any number of times, and then refuses", async () => {
        const store = await makeStore();
        const { key } = corner();
        let close: Promise<void> | undefined;
        await store.transact(async (tx) => {
          await tx.get(key("a"));
          close = store.close();
          tx.set(key("a"), bytes("late"));
        });
        await close;
        await store.close();
        expect(await kindOf(store.transact(() => Promise.resolve()))).to.equal("closed");
        expect(await corner().contents()).to.deep.equal({ a: "late" });
      });

      it("names its engine and its place", () => {
        const { engine, url } = corner().store;
        expect(url.startsWith(`${engine}:`)).to.equal(true);
      });
    });

    withReadOnly(makeStore);
  });
}

function withReadOnly(makeStore: MakeStore): void {
  describe("a store opened to be read only", () => {
    withCorner(makeStore, (corner) => {
      it("reads, and refuses every write at its call", async () => {
        const { key, put } = corner();
        await put({ a: "1" });
        const store = await makeStore({ readOnly: true });
        expect(await store.transact((tx) => corner().rows(tx))).to.deep.equal([["a", "1"]]);
        await store.transact(async (tx) => {
          const writes = [
            () => { tx.set(key("a"), bytes("2")); }, // prettier-ignore
            () => { tx.clear(key("a")); }, // prettier-ignore
            () => { tx.clearRange(corner().everything); }, // prettier-ignore
            () => { tx.add(key("a"), 1n); }, // prettier-ignore
            () => { tx.setVersionstampedKey(key("0123456789"), 0, bytes("2")); }, // prettier-ignore
            () => { tx.setVersionstampedValue(key("a"), bytes("0123456789"), 0); }, // prettier-ignore
          ];
          for (const write of writes) {
            expect(write).to.throw(StoreError).with.property("kind", "read_only");
          }
          tx.addReadConflictRange(corner().everything);
          expect(tx.writtenBytes).to.equal(0);
          await tx.get(key("a"));
        });
        expect(await corner().contents()).to.deep.equal({ a: "1" });
      });
    });
  });
}
