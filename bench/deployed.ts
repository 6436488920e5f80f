import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import { PROJECT_ROOT } from "./project-root.ts";

/*
 * A worker as it is deployed: in the image, within the chart's limit of memory. A limit is the container's, and there is none here, so
 * what Node makes of it is said to Node instead.
 */

/** The young generation is two semi-spaces; V8 takes a power of two of MiB for one, from 1 to 16. */
const OLD_PER_SEMI_SPACE = 128;
const LARGEST_SEMI_SPACE_MIB = 16;

/** Flags of Node that give a process the heap that Node 20 gives one by itself where memory is limited, as a container's is. */
export function heapFlags(limitMib: number): string[] {
  const oldMib = Math.floor(limitMib / 2);
  const semiSpaceMib = 2 ** Math.max(0, Math.ceil(Math.log2(oldMib / OLD_PER_SEMI_SPACE)));
  return [`--max-semi-space-size=${Math.min(semiSpaceMib, LARGEST_SEMI_SPACE_MIB)}`, `--max-old-space-size=${oldMib}`];
}

/** A worker's limit of memory by the chart's defaults, in MiB. */
export function workerLimitMib(): number {
  const values = parse(textOf("helm/ferry/values.yaml")) as { worker: { resources: { limits: { memory: string } } } };
  const { memory } = values.worker.resources.limits;
  const mib = /^(\d+)Mi$/.exec(memory)?.[1];
  if (mib === undefined) {
    throw new Error(`the chart limits a worker's memory to ${memory}, which is not in Mi`);
  }
  return Number(mib);
}

/** What the image sets for the allocator, which reads it when a process starts. */
export function allocatorSettings(): Record<string, string> {
  const settings = [...textOf("Dockerfile").matchAll(/\b(MALLOC_[A-Z_]+)=(\S+)/g)];
  return Object.fromEntries(settings.map(([, name = "", value = ""]) => [name, value]));
}

function textOf(path: string): string {
  return readFileSync(fileURLToPath(new URL(path, PROJECT_ROOT)), "utf8");
}
