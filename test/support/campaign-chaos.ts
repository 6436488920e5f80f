import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import type { CampaignState } from "../../src/campaign/campaign.ts";
import { finishedAndBad, readCounts, type CampaignCounts } from "../../src/campaign/campaign-counts.ts";
import { findCampaign } from "../../src/campaign/campaign-store.ts";
import { readFeederLease } from "../../src/campaign/feeder-lease.ts";
import { openStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { FerryProcess, ferryHere, type Ended } from "./cli.ts";
import { loadRows } from "./reference-attempt.ts";
import { TestRedis } from "./redis.ts";
import { testActor, v1Rows, type TestActor } from "./v1-actors.ts";
import { sqliteImage } from "./v1-actors-sqlite.ts";

type Role = "worker" | "feeder";

/** What a process was heard to say, over all the processes that had its place. */
export interface Heard {
  /** Log lines by event. */
  readonly events: Map<string, number>;
  /** How often each actor was said to be migrated. */
  readonly migrated: Map<string, number>;
}

/**
 * Everything a campaign runs on, as processes of their own: a Redis, workers and feeders that can be killed and come back, and a
 * store in a temporary folder that this process looks into. `stop` leaves nothing behind, also when a test failed half way.
 */
export class CampaignCluster {
  readonly redis: TestRedis;
  readonly store: Store;
  readonly heard: Heard = { events: new Map(), migrated: new Map() };
  readonly #folder: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #processes = new Map<FerryProcess, Role>();
  readonly #killAtExit = (): void => {
    this.#processes.forEach((_, child) => {
      child.kill("SIGKILL");
    });
  };

  static async start(env: Readonly<Record<string, string>> = {}): Promise<CampaignCluster> {
    const folder = await mkdtemp(join(tmpdir(), "ferry-campaign-"));
    const redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
    return new CampaignCluster(folder, redis, await openStore(`lmdb:${folder}`), env);
  }

  private constructor(folder: string, redis: TestRedis, store: Store, env: Readonly<Record<string, string>>) {
    this.#folder = folder;
    this.redis = redis;
    this.store = store;
    this.#env = {
      FERRY_STORE: `lmdb:${folder}`,
      FERRY_REDIS_URL: redis.url,
      FERRY_METRICS_PORT: "off",
      FERRY_LOG_FORMAT: "json",
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

  /** Starts a worker or a feeder, as a process of its own. */
  run(role: Role, ...args: readonly string[]): FerryProcess {
    const child = new FerryProcess([role, ...args], { env: this.#env });
    this.#processes.set(child, role);
    return child;
  }

  running(role: Role): FerryProcess[] {
    return [...this.#processes].filter(([, itsRole]) => itsRole === role).map(([child]) => child);
  }

  /** The feeder that holds the lease, if one of ours does. */
  async leader(): Promise<FerryProcess | undefined> {
    const lease = await this.store.transact(async (tx) => readFeederLease(tx));
    return this.running("feeder").find(({ pid }) => lease?.host.endsWith(`:${pid}`) === true);
  }

  /** Ends a process and keeps what it said. */
  async end(child: FerryProcess, signal: NodeJS.Signals): Promise<Ended> {
    this.#processes.delete(child);
    child.kill(signal);
    const ended = await child.ended();
    hear(this.heard, ended.stderr);
    return ended;
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
        const said = [...this.#processes].map(([child, role]) => `${role}: ${child.stderr.slice(-1500)}`).join("\n");
        throw new Error(`not within ${deadlineMs} ms: ${what}\n${said}`);
      }
      await sleep(50);
    }
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((child) => this.end(child, "SIGKILL")));
    await this.store.close();
    await this.redis.stop();
    process.off("exit", this.#killAtExit);
    await rm(this.#folder, { recursive: true, force: true });
  }
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

/** Makes real SQLite files of two pages, each with its own content; SQLite itself made the first. */
export function smallImages(): (n: number) => Uint8Array {
  const base = sqliteImage((database) => {
    database.exec("CREATE TABLE actor (id INTEGER PRIMARY KEY, content TEXT);");
    database.run("INSERT INTO actor (content) VALUES (?)", [MARK + "0".repeat(64)]);
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
