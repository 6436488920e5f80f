import { expect } from "chai";
import { InvariantError } from "../../src/errors.ts";
import { StoreError, type StoreErrorKind } from "../../src/store/errors.ts";
import type { BeginOptions, Engine, EngineTransaction } from "../../src/store/engine.ts";
import { Transactor } from "../../src/store/transactor.ts";
import type { TransactionReport } from "../../src/store/store.ts";
import { bytes, errorOf, kindOf } from "./contract/harness.ts";
import { ManualClock } from "./manual-clock.ts";

/** An engine whose commits end as told, one after another, and then well. */
class ScriptedEngine implements Engine {
  readonly begun: BeginOptions[] = [];
  readonly #commits: (StoreErrorKind | "ok")[];
  open = 0;
  onCommit: () => void = () => undefined;

  constructor(...commits: (StoreErrorKind | "ok")[]) {
    this.#commits = commits;
  }

  begin(options: BeginOptions): EngineTransaction {
    this.begun.push(options);
    this.open += 1;
    const unused = (): never => {
      throw new Error("not scripted");
    };
    return {
      get: () => Promise.resolve(undefined),
      getRange: unused,
      set: () => undefined,
      clear: unused,
      clearRange: unused,
      add: unused,
      setVersionstampedKey: unused,
      setVersionstampedValue: unused,
      addReadConflictRange: unused,
      commit: () => {
        this.onCommit();
        const end = this.#commits.shift() ?? "ok";
        return end === "ok" ? Promise.resolve() : Promise.reject(new StoreError(end, "scripted"));
      },
      release: () => {
        this.open -= 1;
      },
    };
  }
}

describe("the retry loop", () => {
  const clock = new ManualClock();
  const write = (engine: Engine, options = {}, more = {}): Promise<number> => {
    let runs = 0;
    return new Transactor(engine, { clock, random: () => 0.5, ...more }).transact((tx) => {
      tx.set(bytes("a"), bytes("1"));
      return Promise.resolve(++runs);
    }, options);
  };

  // To FoundationDB a timeout of 0 is none.
  it("gives an attempt some time also where there is none", async () => {
    const engine = new ScriptedEngine();
    await write(engine, { timeoutMs: 0 });
    expect(engine.begun.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([1]);
  });

  it("takes nothing more from a body that has ended once it commits", async () => {
    const engine = new ScriptedEngine();
    let late: unknown;
    await new Transactor(engine, { clock }).transact((tx) => {
      engine.onCommit = () => {
        try {
          tx.set(bytes("late"), bytes("1"));
        } catch (error) {
          late = error;
        }
      };
      tx.set(bytes("a"), bytes("1"));
      return Promise.resolve();
    });
    expect(late).to.be.instanceOf(InvariantError);
  });

  for (const kind of ["conflict", "commit_unknown", "too_old", "throttled"] as const) {
    it(`tries again after ${kind}`, async () => {
      const engine = new ScriptedEngine(kind, kind);
      expect(await write(engine)).to.equal(3);
      expect(engine.open).to.equal(0);
    });
  }

  for (const kind of ["too_large", "disk_full", "unavailable", "timed_out", "closed", "read_only"] as const) {
    it(`does not try again after ${kind}`, async () => {
      const engine = new ScriptedEngine(kind);
      expect(await kindOf(write(engine))).to.equal(kind);
      expect(engine.begun).to.have.length(1);
      expect(engine.open).to.equal(0);
    });
  }

  it("runs the body again although the first commit did happen", async () => {
    // commit_unknown says just that: the body has to be idempotent.
    expect(await write(new ScriptedEngine("commit_unknown"))).to.equal(2);
  });

  it("waits longer each time, up to a second, and from longer on when throttled", async () => {
    const waits = async (kind: StoreErrorKind): Promise<number[]> => {
      const own = new ManualClock();
      await write(new ScriptedEngine(...Array<StoreErrorKind>(12).fill(kind)), {}, { clock: own });
      return own.sleeps;
    };
    expect(await waits("conflict")).to.deep.equal([2, 4, 8, 16, 32, 64, 128, 256, 500, 500, 500, 500]);
    expect(await waits("throttled")).to.deep.equal([50, 100, 200, 400, 500, 500, 500, 500, 500, 500, 500, 500]);
  });

  it("makes 100 attempts at most unless told otherwise", async () => {
    const engine = new ScriptedEngine(...Array<StoreErrorKind>(200).fill("conflict"));
    const error = await errorOf(write(engine, {}, { random: () => 0 }));
    expect(error).to.have.property("code", "store_timed_out");
    expect(error).to.have.nested.property("details.attempts", 100);
    expect(engine.begun).to.have.length(100);
  });

  it("ends before its time is up, and gives each attempt what is left of it", async () => {
    const engine = new ScriptedEngine(...Array<StoreErrorKind>(200).fill("conflict"));
    const own = new ManualClock();
    const startedMs = own.nowMs();
    expect(await kindOf(write(engine, { timeoutMs: 1_000 }, { clock: own }))).to.equal("timed_out");
    expect(own.nowMs() - startedMs).to.be.at.most(1_000);
    const left = engine.begun.map(({ timeoutMs }) => timeoutMs);
    expect(left).to.deep.equal([1_000, 998, 994, 986, 970, 938, 874, 746, 490]);
  });

  it("passes on the priority asked for, or else its own", async () => {
    const engine = new ScriptedEngine();
    await write(engine, {}, { priority: "batch" });
    await write(engine, { priority: "default" }, { priority: "batch" });
    await write(engine);
    expect(engine.begun.map(({ priority }) => priority)).to.deep.equal(["batch", "default", "default"]);
  });

  it("does not commit what wrote nothing", async () => {
    const reports: TransactionReport[] = [];
    const engine = new ScriptedEngine("conflict");
    const transactor = new Transactor(engine, { clock, observer: (report) => reports.push(report) });
    await transactor.transact((tx) => tx.get(bytes("a")));
    expect(reports.map(({ result }) => result)).to.deep.equal(["read_only"]);
  });

  it("reports how each attempt ended", async () => {
    const reports: TransactionReport[] = [];
    const observer = (report: TransactionReport): void => {
      reports.push(report);
    };
    await write(new ScriptedEngine("conflict", "throttled"), { label: "stage" }, { observer });
    expect(reports.map(({ label, result }) => [label, result])).to.deep.equal([
      ["stage", "conflict"],
      ["stage", "throttled"],
      ["stage", "committed"],
    ]);
  });

  it("reports how long the commit took, of all that the attempt took", async () => {
    const reports: TransactionReport[] = [];
    const own = new ManualClock();
    const engine = new ScriptedEngine();
    engine.onCommit = () => {
      own.advance(30);
    };
    const transactor = new Transactor(engine, { clock: own, observer: (report) => reports.push(report) });
    await transactor.transact((tx) => {
      tx.set(bytes("a"), bytes("1"));
      own.advance(100);
      return Promise.resolve();
    });
    await transactor.transact((tx) => {
      own.advance(100);
      return tx.get(bytes("a"));
    });
    expect(reports.map(({ durationMs, commitMs }) => [durationMs, commitMs])).to.deep.equal([
      [130, 30],
      [100, 0],
    ]);
  });

  it("stops waiting when its signal is aborted", async () => {
    const reason = new Error("enough");
    const abort = new AbortController();
    const engine = new ScriptedEngine("conflict", "conflict");
    const own = new ManualClock();
    own.sleep = async (_ms, signal): Promise<void> => {
      abort.abort(reason);
      await Promise.resolve();
      signal?.throwIfAborted();
    };
    expect(await errorOf(write(engine, { signal: abort.signal }, { clock: own }))).to.equal(reason);
    expect(engine.begun).to.have.length(1);
  });
});
