import { execFile } from "node:child_process";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import type { MachineFacts } from "./table.ts";

const run = promisify(execFile);

/** The machine, the versions and the revision of a run. Load is that at the start and now: others may share the machine. */
export async function machineFacts(redisUrl: string, loadAtStart: readonly number[]): Promise<MachineFacts> {
  return {
    date: new Date().toISOString(),
    cores: `${availableParallelism()} (${cpus()[0]?.model ?? "unknown"})`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    node: process.version,
    redis: await redisVersion(redisUrl),
    "load average": `${formatLoad(loadAtStart)} at the start, ${formatLoad(loadavg())} at the end`,
    revision: await revision(),
  };
}

function formatLoad(load: readonly number[]): string {
  return load.map((value) => value.toFixed(1)).join(" ");
}

async function redisVersion(url: string): Promise<string> {
  const redis = new Redis(url);
  try {
    return /redis_version:(\S+)/.exec(await redis.info("server"))?.[1] ?? "unknown";
  } finally {
    redis.disconnect();
  }
}

/** A tree with changes says so: its figures are of no revision. */
async function revision(): Promise<string> {
  try {
    const { stdout } = await run("git", ["describe", "--always", "--abbrev=12", "--dirty", "--exclude=*"]);
    return stdout.trim();
  } catch {
    return "unknown";
  }
}
