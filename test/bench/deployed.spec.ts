import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect } from "chai";
import { allocatorSettings, heapFlags, workerLimitMib } from "../../bench/deployed.ts";

const run = promisify(execFile);

describe("a worker as it is deployed", () => {
  // Seen: Node 20.20.2 in a memory cgroup of 768 MiB has a heap limit of 396 MiB, which is 384 and three semi-spaces, and a new space of 8.
  it("has the heap that Node takes within the chart's limit of memory", async () => {
    expect(workerLimitMib()).to.equal(768);
    const flags = heapFlags(768);
    expect(flags).to.deep.equal(["--max-semi-space-size=4", "--max-old-space-size=384"]);
    const { stdout } = await run(process.execPath, [
      ...flags,
      "--print",
      'require("node:v8").getHeapStatistics().heap_size_limit / 2 ** 20',
    ]);
    expect(Number(stdout)).to.equal(396);
  });

  it("has semi-spaces from 1 to 16 MiB", () => {
    expect(heapFlags(128)[0]).to.equal("--max-semi-space-size=1");
    expect(heapFlags(16_384)[0]).to.equal("--max-semi-space-size=16");
  });

  it("has the image's settings of the allocator", () => {
    expect(allocatorSettings()).to.deep.equal({ MALLOC_ARENA_MAX: "2" });
  });
});
