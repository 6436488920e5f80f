import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect } from "chai";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

function run(...command: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, command, { cwd: ROOT, encoding: "utf8" });
}

const BENCH = ["--import", "tsx", "bench/main.ts"];
const MILLION = ["--import", "tsx", "bench/campaign-million.ts"];

describe("the command lines of benchmarks, demo and test runs", function () {
  this.timeout(60_000);

  for (const [program, help] of [
    [BENCH, /^Usage: npm run bench -- .*--only <figures>.*Figures: small-queue, small-direct, /s],
    [MILLION, /^Usage: npm run bench:million -- .*--actors <n> .*default: 1000000/s],
    [["scripts/demo.mjs"], /^npm run demo: /],
    [["scripts/test.mjs"], /^npm test: /],
    [["scripts/test-faults.mjs"], /^npm run test:faults: /],
  ] as const) {
    const name = program.at(-1) ?? "";

    it(`${name} says what it does, and does not begin it`, () => {
      const { status, stdout, stderr } = run(...program, "--help");
      expect({ status, stderr }).to.deep.equal({ status: 0, stderr: "" });
      expect(stdout).to.match(help);
    });

    it(`${name} refuses a flag that it does not have, with status 2 and no stack`, () => {
      const { status, stdout, stderr } = run(...program, "--nonsense");
      expect({ status, stdout }).to.deep.equal({ status: 2, stdout: "" });
      expect(stderr)
        .to.match(/--nonsense/)
        .and.to.match(/--help/)
        .and.not.to.match(/ at .*:\d+/);
    });
  }

  for (const [program, args, message] of [
    [BENCH, ["--only", "small-direct,nothing"], /There is no figure "nothing"; there are small-queue, /],
    [BENCH, ["--json", "/none/bench.json"], /no such file or directory/],
    [BENCH, ["small-direct"], /too many arguments/],
    [MILLION, ["--actors", "many"], /'many' is invalid\. Write a whole number from 1\./],
    [MILLION, ["--workers", "0"], /'0' is invalid\. Write a whole number from 1\./],
  ] as const) {
    it(`${program.at(-1) ?? ""} refuses ${args.join(" ")}`, () => {
      const { status, stderr } = run(...program, ...args);
      expect(status).to.equal(2);
      expect(stderr).to.match(message);
    });
  }

  it("leaves mocha its own flags, in all their forms", () => {
    const { status, stdout } = run("scripts/test.mjs", "--grep=x", "-g", "x", "--no-exit", "a.spec.ts", "--help");
    expect([status, stdout.split(":")[0]]).to.deep.equal([0, "npm test"]);
    expect(run("scripts/test.mjs", "--grep=x", "-g", "x", "--no-exit", "a.spec.ts", "--grap").stderr).to.match(
      /^"--grap"/,
    );
  });
});
