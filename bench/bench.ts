import type { ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openStore, type OpenStoreOptions } from "../src/store/open-store.ts";
import type { Store } from "../src/store/store.ts";
import { TestRedis } from "../test/support/redis.ts";

const EVERYTHING = { begin: new Uint8Array(), end: Uint8Array.of(0xff) };

/**
 * What figures run on: stores of their own, one Redis, and the end of all that, also when the run is interrupted. On FoundationDB every
 * store is the whole cluster, emptied before and after.
 */
export class Bench {
  readonly full: boolean;
  readonly engine: Store["engine"];
  readonly #clusterFile: string | undefined;
  readonly #folders: string[] = [];
  readonly #children = new Set<ChildProcess>();
  #redis: Promise<TestRedis> | undefined;

  constructor(options: { full: boolean; clusterFile?: string | undefined }) {
    this.full = options.full;
    this.#clusterFile = options.clusterFile;
    this.engine = options.clusterFile === undefined ? "lmdb" : "fdb";
  }

  /** Rounds that count, and those before them that do not. */
  get rounds(): { rounds: number; warmups: number } {
    return this.full ? { rounds: 7, warmups: 2 } : { rounds: 3, warmups: 2 };
  }

  /** The place of a new, empty store. */
  async newStoreUrl(): Promise<string> {
    if (this.#clusterFile !== undefined) {
      await this.#wipeCluster();
      return `fdb:${this.#clusterFile}`;
    }
    const folder = await mkdtemp(join(tmpdir(), "ferry-bench-"));
    this.#folders.push(folder);
    return `lmdb:${folder}`;
  }

  /** Uses an open store; closed, and where it is embedded gone, afterwards. */
  async withStore<T>(use: (store: Store, url: string) => Promise<T>, options?: OpenStoreOptions): Promise<T> {
    const url = await this.newStoreUrl();
    const store = await openStore(url, options);
    try {
      return await use(store, url);
    } finally {
      await store.close();
      await this.removeStore(url);
    }
  }

  async removeStore(url: string): Promise<void> {
    if (url.startsWith("lmdb:")) {
      await rm(url.slice("lmdb:".length), { recursive: true, force: true });
    } else {
      await this.#wipeCluster();
    }
  }

  /** A Redis of this run's own, with nothing in it that an earlier figure left under the same prefix. */
  async redisUrl(): Promise<string> {
    this.#redis ??= TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
    return (await this.#redis).url;
  }

  /** A process that must not outlive the run. */
  track(child: ChildProcess): ChildProcess {
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** Ends and removes everything that is left. */
  async close(): Promise<void> {
    for (const child of this.#children) {
      child.kill("SIGKILL");
    }
    await Promise.all([
      this.#redis?.then((redis) => redis.stop()),
      this.#clusterFile === undefined ? undefined : this.#wipeCluster(),
      ...this.#folders.map((folder) => rm(folder, { recursive: true, force: true })),
    ]);
  }

  async #wipeCluster(): Promise<void> {
    const store = await openStore(`fdb:${this.#clusterFile ?? ""}`);
    try {
      await store.transact((tx) => {
        tx.clearRange(EVERYTHING);
        return Promise.resolve();
      });
    } finally {
      await store.close();
    }
  }
}
