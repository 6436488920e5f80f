import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { CampaignState } from "../../src/campaign/campaign.ts";
import { finishedAndBad, readCounts, type CampaignCounts } from "../../src/campaign/campaign-counts.ts";
import { findCampaign } from "../../src/campaign/campaign-store.ts";
import { readFeederLease } from "../../src/campaign/feeder/feeder-lease.ts";
import { EXIT } from "../../src/cli/exit-status.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import type { Store } from "../../src/store/store.ts";
import { FerryProcess, ferryHere, type Ended } from "./cli.ts";
import { loadRows } from "./reference-attempt.ts";
import { SeededRandom } from "./reference-random.ts";
import { TestRedis } from "./redis.ts";
import { TcpProxy } from "./tcp-proxy.ts";
import { testActor, v1Rows, type TestActor } from "./v1-actors.ts";
import { sqliteImage } from "./v1-actors-sqlite.ts";

export type Role = "worker" | "feeder";

/** A process and its way to Redis. */
interface Member {
  readonly role: Role;
  readonly link: TcpProxy;
}

/** What a process was heard to say, over all the processes that had its place. */
export interface Heard {
  /** Log lines by event. */
  readonly events: Map<string, number>;
  /** How often each actor was said to be migrated. */
  readonly migrated: Map<string, number>;
}

/**
 * Everything a campaign runs on, as processes of their own: a Redis, workers and feeders that can be killed and come back, and the
 * store of a test, which this process looks into. `stop` leaves nothing of them behind, also when a test failed half way.
 */
export class CampaignCluster {
  readonly redis: TestRedis;
  readonly store: Store;
  readonly heard: Heard = { events: new Map(), migrated: new Map() };
  readonly #env: Readonly<Record<string, string>>;
  readonly #processes = new Map<FerryProcess, Member>();
  readonly #killAtExit = (): void => {
    this.#processes.forEach((_, child) => {
      child.kill("SIGKILL");
    });
  };

  static async start(store: Store, env: Readonly<Record<string, string>> = {}): Promise<CampaignCluster> {
    const redis = await TestRedis.start({ append: true, args: ["--maxmemory-policy", "noeviction"] });
    return new CampaignCluster(store, redis, env);
  }

  private constructor(store: Store, redis: TestRedis, env: Readonly<Record<string, string>>) {
    this.redis = redis;
    this.store = store;
    this.#env = {
      FERRY_STORE: store.url,
      FERRY_REDIS_URL: redis.url,
      FERRY_METRICS_PORT: "off",
      FERRY_LOG_FORMAT: "json",
      // For the lines of actors that are done.
      FERRY_LOG_LEVEL: "debug",
      ...env,
    };
    process.on("exit", this.#killAtExit);
  }

  /** A command in this process. @throws unless its status is the expected one. */
  async ferry(args: readonly string[], { input = "", status = 0 } = {}): Promise<Ended> {
    const ended = await ferryHere(args, { env: this.#env, input });
    if (ended.status !== status) {
      throw new Error(`ferry ${args.join(" ")} ended with ${String(ended.status)}:\n${ended.stderr}${ended.stdout}`);
    }
    return ended;
  }

  /** Starts a worker or a feeder, as a process of its own, with a connection of its own to Redis. */
  async run(role: Role, args: readonly string[] = [], limits: { maxFileBytes?: number } = {}): Promise<FerryProcess> {
    const link = await TcpProxy.start(this.redis.port);
    const env = { ...this.#env, FERRY_REDIS_URL: link.url };
    const child = new FerryProcess([role, ...args], { env, ...limits });
    this.#processes.set(child, { role, link });
    return child;
  }

  running(role: Role): FerryProcess[] {
    return [...this.#processes].filter(([, member]) => member.role === role).map(([child]) => child);
  }

  /** A process's way to Redis, to be cut. */
  linkOf(child: FerryProcess): TcpProxy {
    return this.#processes.get(child)?.link ?? fail("the process has ended");
  }

  /** How many jobs wait on the queue. */
  async waiting(): Promise<number> {
    const queue = await MigrationQueue.open({ url: this.redis.url });
    try {
      return (await queue.counts()).waiting;
    } finally {
      await queue.close();
    }
  }

  /** How large the embedded store's file is now. */
  async storeBytes(): Promise<number> {
    return (await stat(join(this.store.url.slice("lmdb:".length), "data.mdb"))).size;
  }

  /** The feeder that holds the lease, if one of ours does. */
  async leader(): Promise<FerryProcess | undefined> {
    const lease = await this.store.transact(async (tx) => readFeederLease(tx));
    return this.running("feeder").find(({ pid }) => lease?.host.endsWith(`:${pid}`) === true);
  }

  /** Ends a process and keeps what it said. */
  async end(child: FerryProcess, signal: NodeJS.Signals): Promise<Ended> {
    const link = this.linkOf(child);
    this.#processes.delete(child);
    child.kill(signal);
    const ended = await child.ended();
    await link.stop();
    hear(this.heard, ended.stderr);
    return ended;
  }

  /** Starts anew what gave up because store or Redis did not serve it, as its supervisor would. @throws when one ended for another reason. */
  async revive(): Promise<void> {
    for (const [child, { role }] of [...this.#processes]) {
      const { exitCode } = child.child;
      // Whoever else revives it, or ends it, has taken it from the list.
      if (exitCode !== null && this.#processes.has(child)) {
        const { stderr } = await this.end(child, "SIGKILL");
        if (exitCode !== EXIT.unavailable) {
          throw new Error(`a ${role} ended with ${exitCode}:\n${stderr}`);
        }
        await this.run(role);
      }
    }
  }

  async flushRedis(): Promise<void> {
    await this.withRedis(async (client) => client.flushall());
  }

  async withRedis<T>(use: (client: Redis) => Promise<T>): Promise<T> {
    const client = new Redis(this.redis.url, { lazyConnect: true });
    client.on("error", () => undefined);
    try {
      await client.connect();
      return await use(client);
    } finally {
      client.disconnect();
    }
  }

  counts(campaign: string): Promise<CampaignCounts> {
    return this.store.transact(async (tx) => readCounts(tx, campaign));
  }

  async finished(campaign: string): Promise<number> {
    return finishedAndBad(await this.counts(campaign)).finished;
  }

  async state(campaign: string): Promise<CampaignState | undefined> {
    return this.store.transact(async (tx) => (await findCampaign(tx, campaign))?.state);
  }

  /** Looks until it is so. @throws after the deadline, with what the processes said last. */
  async until(what: string, isSo: () => Promise<boolean>, deadlineMs: number): Promise<void> {
    const untilMs = Date.now() + deadlineMs;
    while (!(await isSo())) {
      if (Date.now() > untilMs) {
        const said = [...this.#processes]
          .map(([child, { role }]) => `${role}: ${child.stderr.slice(-1500)}`)
          .join("\n");
        throw new Error(`not within ${deadlineMs} ms: ${what}\n${said}`);
      }
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((child) => this.end(child, "SIGKILL")));
    await this.redis.stop();
    process.off("exit", this.#killAtExit);
  }
}

function fail(message: string): never {
  throw new Error(message);
}

function hear({ events, migrated }: Heard, stderr: string): void {
  for (const line of stderr.split("\n")) {
    // The last line of a process that was killed may be half a line.
    if (!line.startsWith("{") || !line.endsWith("}")) {
      continue;
    }
    const { event, actorId } = JSON.parse(line) as { event?: string; actorId?: string };
    const isMigrated = event === "actor.migrated" && actorId !== undefined;
    for (const [tally, name] of [[events, event] as const, [migrated, isMigrated ? actorId : undefined] as const]) {
      if (name !== undefined) {
        tally.set(name, (tally.get(name) ?? 0) + 1);
      }
    }
  }
}

const MARK = "every actor has other bytes here: ";

/** Makes real SQLite files, each with its own content; SQLite itself made the first. Of two pages, or of so many bytes and some more. */
export function madeImages(paddingBytes = 0): (n: number) => Uint8Array {
  const base = sqliteImage((database) => {
    database.exec("CREATE TABLE actor (id INTEGER PRIMARY KEY, content TEXT, padding BLOB);");
    const padding = new SeededRandom(paddingBytes).bytes(paddingBytes);
    database.run("INSERT INTO actor (content, padding) VALUES (?, ?)", [MARK + "0".repeat(64), padding]);
  });
  const at = Buffer.from(base).indexOf(MARK) + MARK.length;
  return (n) => {
    const image = Uint8Array.from(base);
    image.set(Buffer.from(createHash("sha256").update(String(n)).digest("hex")), at);
    return image;
  };
}

/** Writes the v1 rows of actors 0 up to `count`. */
export async function writeSmallActors(
  store: Store,
  count: number,
  imageOf: (n: number) => Uint8Array,
): Promise<TestActor[]> {
  const actors = Array.from({ length: count }, (_, n) => testActor(n));
  for (let start = 0; start < count; start += 500) {
    await loadRows(
      store,
      actors.slice(start, start + 500).flatMap((actor, index) => v1Rows(actor, imageOf(start + index))),
    );
  }
  return actors;
}
