import { expect } from "chai";
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

import { Redis } from "ioredis";

import { FerryProcess, ferryHere } from "../support/cli.ts";
import { TestRedis } from "../support/redis.ts";
import { CHART, ROOT } from "./support/chart.ts";
import { describeWith } from "./support/tools.ts";

const OPERATING = `${ROOT}docs/operating.md`;
const PAGES = [
  `${ROOT}README.md`,
  `${CHART}/README.md`,
  `${CHART}/templates/NOTES.txt`,
  ...readdirSync(`${ROOT}docs`, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".md"))
    .map((file) => `${ROOT}docs/${file}`),
];

/** Commands that have commands of their own. */
const GROUPS = ["campaign", "rejected", "store", "throttle", "v1", "v2"];

/** Lines of the shell examples of a page. */
const shellLines = (page: string): string[] =>
  [...readFileSync(page, "utf8").matchAll(/^```(?:sh|text)\n(.*?)^```/gms)].flatMap(([, block = ""]) =>
    block.trim().split("\n"),
  );

/** Every `ferry` command that a page shows: in examples, in its text, behind `exec … --`. */
function ferryCommands(page: string): string[][] {
  const inText = [...readFileSync(page, "utf8").matchAll(/`([^`\n]*)`/g)].map(([, code = ""]) => code);
  const notes = page.endsWith(".txt") ? readFileSync(page, "utf8").split("\n") : [];
  return [...shellLines(page), ...inText, ...notes]
    .map((code) => /(?:^|-- |^npx |^\$ )(?:bin\/)?ferry(?:\.mjs)? ([a-z][^#&|]*)/.exec(code.trim())?.[1])
    .filter((command) => command !== undefined)
    .map((command) => command.trim().split(/\s+/));
}

describe("what the documentation shows", function () {
  this.timeout(60_000);

  for (const page of PAGES) {
    it(`is in the ferry command: ${page.slice(ROOT.length)}`, async () => {
      for (const words of ferryCommands(page)) {
        const firstFlag = words.findIndex((word) => word.startsWith("-"));
        const names = firstFlag < 0 ? words : words.slice(0, firstFlag);
        const command = names.slice(0, GROUPS.includes(names[0] ?? "") ? 2 : 1).join(" ");
        const { stdout, status } = await ferryHere([...names, "--help"]);
        expect(status, words.join(" ")).to.equal(0);
        expect(stdout, words.join(" ")).to.match(new RegExp(`^Usage: ferry ${command}\\b`));
        for (const flag of words.filter((word) => word.startsWith("--"))) {
          expect(stdout, words.join(" ")).to.match(new RegExp(`^ +${flag}\\b`, "m"));
        }
      }
    });
  }

  it("starts nothing in the background through npx, which does not pass on the signal that is to stop it", () => {
    const lines = PAGES.flatMap(shellLines);
    expect(lines.filter((line) => /^bin\/ferry\.mjs .*&/.test(line))).to.have.length(2);
    expect(lines.filter((line) => /^npx [^#]*&/.test(line))).to.deep.equal([]);
  });

  it("has commands to check", () => {
    expect(PAGES.flatMap(ferryCommands).length).to.be.greaterThan(30);
  });
});

describeWith(["helm"], "what docs/operating.md shows of Helm", ({ helm }) => {
  it("renders", async () => {
    const commands = shellLines(OPERATING).filter((line) => line.startsWith("helm template "));
    expect(commands).to.have.lengthOf(2);
    for (const command of commands) {
      const { stdout } = await promisify(execFile)(helm, command.split(" ").slice(1), { cwd: ROOT });
      expect(stdout).to.contain("kind: Deployment");
    }
  });
});

describeWith(["redis-server"], "the Redis user of docs/operating.md", () => {
  let redis: TestRedis;
  let folder: string;
  let env: Record<string, string>;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "ferry-acl-"));
    redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
    const line = shellLines(OPERATING).find((one) => one.startsWith("redis-cli ACL SETUSER")) ?? "";
    const words = line.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"));
    const admin = new Redis(redis.url);
    await admin.call("ACL", ...words.slice(2));
    await admin.call("ACL", "SETUSER", "default", "off");
    admin.disconnect();
    await writeFile(join(folder, "password"), "a-long-password\n");
    env = {
      FERRY_STORE: `lmdb:${join(folder, "store")}`,
      FERRY_REDIS_URL: redis.url,
      FERRY_REDIS_USERNAME: "ferry",
      FERRY_REDIS_PASSWORD_FILE: join(folder, "password"),
      FERRY_METRICS_PORT: "0",
      FERRY_LOG_FORMAT: "json",
    };
  });
  after(async () => {
    await redis.stop();
    await rm(folder, { recursive: true });
  });

  it("may do all that enqueue, worker and feeder do", async () => {
    const id = "hgntzjwuaxgkrv4190px2o9bu6bl00";
    await ferryHere(["store", "load", "-"], { env });
    expect((await ferryHere(["enqueue", id], { env })).stdout).to.contain("enqueued 1");
    const worker = await new FerryProcess(["worker", "--drain"], { env }).ended();
    expect(worker.stderr).not.to.match(/NOPERM|NOAUTH/);
    expect(worker.status).to.equal(0);
    const feeder = new FerryProcess(["feeder"], { env });
    await feeder.said('"leads":true');
    feeder.kill("SIGTERM");
    const { status, stderr } = await feeder.ended();
    expect(stderr).not.to.match(/NOPERM|NOAUTH|feeder\.failed/);
    expect(status).to.equal(0);
  });

  it("may not see others' keys or do what is dangerous", async () => {
    const client = new Redis(redis.url, { username: "ferry", password: "a-long-password" });
    const refused = async (...command: [string, ...string[]]): Promise<string> =>
      client.call(...command).then(
        () => "done",
        (error: unknown) => String(error),
      );
    expect(await refused("GET", "other")).to.contain("NOPERM");
    expect(await refused("FLUSHALL")).to.contain("NOPERM");
    expect(await refused("CONFIG", "SET", "save", "")).to.contain("NOPERM");
    expect(await refused("GET", "ferry:any")).to.equal("done");
    client.disconnect();
  });
});
