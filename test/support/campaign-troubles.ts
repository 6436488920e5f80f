import { setTimeout as sleep } from "node:timers/promises";
import type { Store } from "../../src/store/store.ts";
import type { CampaignCluster, Role } from "./campaign-chaos.ts";
import type { FerryProcess } from "./cli.ts";
import { whileLocked } from "./fdb-lock.ts";
import type { SeededRandom } from "./reference-random.ts";

/*
 * What befalls a campaign's processes. A trouble that lasts is over when its promise resolves; others may come meanwhile.
 */

/** Longer than the locks and leases of these campaigns, with the time that their loss takes to be noticed. */
const LASTS_MS = 3_000;
const DEADLINE_MS = 60_000;
const FIND_JOB_MS = 10_000;
/** What a process said before it was stopped is read by then. */
const HEARD_MS = 50;
/** Characters; of some jobs. */
const LAST_SAID = 20_000;

export const TROUBLES = {
  "kill worker": async (cluster, random) => replace(cluster, "worker", await atWork(cluster, "worker", random)),
  "kill feeder": async (cluster, random) =>
    replace(cluster, "feeder", (await cluster.leader()) ?? random.pick(cluster.running("feeder"))),
  "end worker": async (cluster, random) => {
    const worker = await atWork(cluster, "worker", random);
    await cluster.run("worker");
    const { status, stderr } = await cluster.end(worker, "SIGTERM");
    if (status !== 0) {
      throw new Error(`a worker that was told to stop ended with ${String(status)}:\n${stderr}`);
    }
  },
  "stop worker for a while": async (cluster, random) => {
    const worker = await stopAtJob(cluster, random);
    await sleep(LASTS_MS);
    worker.kill("SIGCONT");
  },
  "stop feeder for a while": async (cluster, random) => {
    const feeder = await atWork(cluster, "feeder", random);
    feeder.kill("SIGSTOP");
    await sleep(LASTS_MS);
    feeder.kill("SIGCONT");
  },
  "cut a worker off in silence": async (cluster, random) => {
    const link = cluster.linkOf(await atWork(cluster, "worker", random));
    link.cut("silent");
    await sleep(LASTS_MS);
    link.mend();
  },
  "break a worker's connections": async (cluster, random) => {
    const link = cluster.linkOf(await atWork(cluster, "worker", random));
    link.cut("refused");
    await sleep(LASTS_MS);
    link.mend();
  },
  "stop redis for a while": async ({ redis }) => {
    redis.freeze();
    await sleep(LASTS_MS);
    redis.thaw();
  },
  "kill redis": async ({ redis }) => {
    await redis.interrupt("SIGKILL");
    await redis.resume();
  },
  "kill redis for a while": async ({ redis }) => {
    await redis.interrupt("SIGKILL");
    await sleep(LASTS_MS);
    await redis.resume();
  },
  "restart redis": async ({ redis }) => {
    await redis.interrupt();
    await redis.resume();
  },
  "kill redis and lose its data": async ({ redis }) => {
    await redis.lose();
    await redis.resume();
  },
  "flush redis": async (cluster) => cluster.flushRedis(),
  "fill the store's disk": fillDisk,
  "lock the cluster for a while": lockCluster,
} satisfies Record<string, (cluster: CampaignCluster, random: SeededRandom) => Promise<void>>;

export type Trouble = keyof typeof TROUBLES;

/** Troubles of the store itself, which befall one engine only. */
const ENGINE_OF: Partial<Record<Trouble, Store["engine"]>> = {
  "fill the store's disk": "lmdb",
  "lock the cluster for a while": "fdb",
};

/** Those of the troubles that can befall a campaign on such a store. */
export function troublesOn(engine: Store["engine"], troubles: readonly Trouble[]): Trouble[] {
  return troubles.filter((trouble) => (ENGINE_OF[trouble] ?? engine) === engine);
}

/**
 * Every round has every trouble once or as often as it is listed, in some order, spread over two thirds of a campaign's actors: the last
 * one takes a command or two, and the campaign must not be over before.
 */
export function scheduleTroubles<T>(
  troubles: readonly T[],
  campaign: { readonly actors: number; readonly rounds: number },
  random: SeededRandom,
): { trouble: T; at: number }[] {
  const all = Array.from({ length: campaign.rounds }, () => shuffle(troubles, random)).flat();
  const step = (campaign.actors * 2) / 3 / all.length;
  return all.map((trouble, index) => ({ trouble, at: Math.floor(step * index) + random.below(Math.ceil(step)) }));
}

/** A process that is at work: killing one that is still starting troubles nobody. */
async function atWork(cluster: CampaignCluster, role: Role, random: SeededRandom): Promise<FerryProcess> {
  for (;;) {
    const child = random.pick(cluster.running(role));
    try {
      await child.said(`${role}.started`);
      if (cluster.running(role).includes(child)) {
        return child;
      }
    } catch (error) {
      if (child.child.exitCode === null && child.child.signalCode === null) {
        throw error;
      }
      await cluster.revive();
    }
  }
}

async function replace(cluster: CampaignCluster, role: Role, child: FerryProcess): Promise<void> {
  await cluster.end(child, "SIGKILL");
  await cluster.run(role);
}

/** A worker that is stopped, in the middle of a job if one comes in time: most of the time a quick worker has none, and would lose nothing. */
async function stopAtJob(cluster: CampaignCluster, random: SeededRandom): Promise<FerryProcess> {
  for (const endMs = Date.now() + FIND_JOB_MS; ;) {
    const worker = await atWork(cluster, "worker", random);
    worker.kill("SIGSTOP");
    await sleep(HEARD_MS);
    if (hasJob(worker) || Date.now() > endMs) {
      return worker;
    }
    worker.kill("SIGCONT");
    await sleep(random.below(HEARD_MS));
  }
}

/** Whether a worker, by what it has said last, has a job that is not over. */
function hasJob({ stderr }: FerryProcess): boolean {
  const underWay = new Set<string | undefined>();
  for (const [, event, jobId] of stderr.slice(-LAST_SAID).matchAll(/"event":"queue\.job_(\w+)".*?"jobId":"([^"]+)"/g)) {
    if (event === "started") {
      underWay.add(jobId);
    } else {
      underWay.delete(jobId);
    }
  }
  return underWay.size > 0;
}

/**
 * All workers and feeders are on a disk that is smaller than the store is now, until one of them has noticed it and a while longer. One as
 * large would be noticed by nobody while the store has pages to use again.
 */
async function fillDisk(cluster: CampaignCluster): Promise<void> {
  const replaceAll = async (limits: { maxFileBytes?: number }): Promise<void> => {
    for (const role of ["worker", "feeder"] as const) {
      for (const child of cluster.running(role)) {
        // A trouble that still lasts may have ended it meanwhile, and replaced it.
        if (cluster.running(role).includes(child)) {
          await cluster.end(child, "SIGTERM");
          await cluster.run(role, [], limits);
        }
      }
    }
  };
  await replaceAll({ maxFileBytes: Math.floor((await cluster.storeBytes()) / 4) });
  const limited = [...cluster.running("worker"), ...cluster.running("feeder")];
  // A write that fits in part comes back as an I/O error.
  const noticed = (): Promise<boolean> =>
    Promise.resolve(limited.some(({ stderr }) => /store_disk_full|Input\/output error/.test(stderr)));
  await cluster.until("somebody notices that the disk is full", noticed, DEADLINE_MS);
  await sleep(LASTS_MS);
  await replaceAll({});
}

/** Everybody is refused until one of them has noticed it and a while longer. */
async function lockCluster(cluster: CampaignCluster): Promise<void> {
  const everybody = [...cluster.running("worker"), ...cluster.running("feeder")];
  const saidBefore = new Map(everybody.map((child) => [child, child.stderr.length]));
  const noticed = (): Promise<boolean> =>
    Promise.resolve(everybody.some((child) => child.stderr.includes("database is locked", saidBefore.get(child))));
  await whileLocked(cluster.store.url.slice("fdb:".length), async () => {
    await cluster.until("somebody notices that the cluster is locked", noticed, DEADLINE_MS);
    await sleep(LASTS_MS);
  });
}

function shuffle<T>(items: readonly T[], random: SeededRandom): T[] {
  const left = [...items];
  return items.map(() => left.splice(random.below(left.length), 1)).flat();
}
