import { UnavailableError } from "../../src/errors.ts";
import { LmdbGate } from "../../src/store/lmdb/lmdb-gate.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FerryProcess, ferryHere, type Ended } from "./cli.ts";
import { dumpRows, loadRows } from "./reference-attempt.ts";
import { TestRedis } from "./redis.ts";
import { formatRows, parseRows } from "./row-lines.ts";
import type { Row } from "./v1-actors.ts";

/** Of a job without a sign of life, and of a large actor's lease: short, so that tests need not wait half a minute. */
const LOCK = "2s";

/** A store, a Redis, and the worker processes of one test. */
export class Fleet {
  readonly redis: TestRedis;
  readonly storeUrl: string;
  readonly #workers: FerryProcess[] = [];

  static async start(storeUrl: string): Promise<Fleet> {
    return new Fleet(storeUrl, await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] }));
  }

  private constructor(storeUrl: string, redis: TestRedis) {
    this.storeUrl = storeUrl;
    this.redis = redis;
  }

  get env(): Record<string, string> {
    return {
      FERRY_STORE: this.storeUrl,
      FERRY_REDIS_URL: this.redis.url,
      FERRY_METRICS_PORT: "off",
      FERRY_LOCK: LOCK,
      FERRY_LEASE: LOCK,
    };
  }

  /** A command in this process. */
  ferry(args: readonly string[], input = ""): Promise<Ended> {
    return ferryHere(args, { env: this.env, input });
  }

  /** A worker process; what is still running after the test is killed. */
  worker(...args: readonly string[]): FerryProcess {
    const worker = new FerryProcess(["worker", ...args], { env: this.env });
    this.#workers.push(worker);
    return worker;
  }

  async load(rows: readonly Row[]): Promise<void> {
    const { status, stderr } = await this.ferry(["store", "load", "-"], formatRows(rows));
    if (status !== 0) {
      throw new Error(stderr);
    }
  }

  /** As `load`, straight into the store: for rows by the hundred megabytes. */
  async write(rows: readonly Row[]): Promise<void> {
    await this.#withStore((store) => loadRows(store, rows));
  }

  /** All rows, straight from the store. */
  rows(): Promise<Row[]> {
    return this.#withStore(dumpRows);
  }

  async dump(): Promise<Row[]> {
    return parseRows((await this.ferry(["store", "dump"])).stdout);
  }

  /** The ledger by actor id. */
  async outcomes(): Promise<Map<string, Record<string, unknown>>> {
    const { stdout } = await this.ferry(["outcomes", "--json"]);
    const lines = stdout.split("\n").filter((line) => line !== "");
    return new Map(
      lines.map((line) => {
        const outcome = JSON.parse(line) as Record<string, unknown>;
        return [String(outcome["actorId"]), outcome];
      }),
    );
  }

  /** Looks into the store until there is an answer. */
  async until<T>(look: (store: Store) => Promise<T | undefined>, deadlineMs = 60_000): Promise<T> {
    const store = await openStore(this.storeUrl);
    try {
      for (const untilMs = Date.now() + deadlineMs; Date.now() < untilMs;) {
        const answer = await look(store);
        if (answer !== undefined) {
          return answer;
        }
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      throw new Error("it did not happen in time");
    } finally {
      await store.close();
    }
  }

  /**
   * Stops a process between two commits. Stopped within one it would hold LMDB's locks, and until it goes on nobody could commit to an
   * embedded store or open it, which no Ferry can help.
   */
  async stopBetweenCommits(worker: FerryProcess): Promise<void> {
    for (let tries = 0; tries < 100; tries += 1) {
      worker.kill("SIGSTOP");
      if (await this.#isIdle()) {
        return;
      }
      worker.kill("SIGCONT");
      await new Promise((resolve) => setTimeout(resolve, 1 + (tries % 7)));
    }
    throw new Error("the process was in the middle of a commit each time");
  }

  /** Whether no process that goes on or is stopped is in the middle of a commit; on FoundationDB it would not matter. */
  async #isIdle(): Promise<boolean> {
    if (!this.storeUrl.startsWith("lmdb:")) {
      return true;
    }
    const gate = new LmdbGate(this.storeUrl.slice("lmdb:".length), { maxCommits: 1, waitMs: 100 });
    try {
      return gate.alone(() => true);
    } catch (error) {
      if (error instanceof UnavailableError) {
        return false;
      }
      throw error;
    } finally {
      await gate.close();
    }
  }

  async stop(): Promise<void> {
    for (const worker of this.#workers) {
      worker.kill("SIGCONT");
      worker.kill("SIGKILL");
      await worker.ended();
    }
    await this.redis.stop();
  }

  async #withStore<T>(use: (store: Store) => Promise<T>): Promise<T> {
    const store = await openStore(this.storeUrl);
    try {
      return await use(store);
    } finally {
      await store.close();
    }
  }
}
