import { expect } from "chai";
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { promisify } from "node:util";

import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { CHART, Chart, MATRIX, ROOT } from "./support/chart.ts";
import { environmentOf, ofKind } from "./support/kinds.ts";
import { describeWith } from "./support/tools.ts";

const run = promisify(execFile);

interface Schema {
  readonly type?: string | string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: boolean | Schema;
  readonly enum?: readonly unknown[];
  readonly definitions?: Readonly<Record<string, Schema>>;
}

const schema = JSON.parse(readFileSync(`${CHART}/values.schema.json`, "utf8")) as Schema;

describe("the chart's values", () => {
  it("are all in the README, with type, default and meaning, and all in the schema", async function () {
    this.timeout(20_000);
    await run(process.execPath, [`${ROOT}scripts/generate-chart-readme.mjs`, "--check"]);
  });

  it("are closed: the schema refuses unknown keys in every object of the chart's own", () => {
    const open: string[] = [];
    const visit = (path: string, part: Schema): void => {
      if (part.properties !== undefined && part.additionalProperties !== false) {
        open.push(path);
      }
      for (const [key, own] of Object.entries(part.properties ?? {})) {
        visit(`${path}.${key}`, own);
      }
    };
    visit("values", schema);
    visit("probe", schema.definitions?.["probe"] ?? {});
    expect(open).to.deep.equal([]);
  });

  it("offer the choices that Ferry offers", () => {
    const { log, migration } = schema.properties ?? {};
    const choices: readonly (readonly [Schema | undefined, Setting<unknown>])[] = [
      [log?.properties?.["level"], SETTINGS.logLevel],
      [log?.properties?.["format"], SETTINGS.logFormat],
      [migration?.properties?.["layout"], SETTINGS.layout],
      [migration?.properties?.["target"], SETTINGS.target],
      [migration?.properties?.["runnersDrained"], SETTINGS.runnersDrained],
      [migration?.properties?.["check"], SETTINGS.check],
      [migration?.properties?.["verify"], SETTINGS.verify],
      [migration?.properties?.["journal"], SETTINGS.journal],
      [migration?.properties?.["sidecars"], SETTINGS.sidecars],
      [migration?.properties?.["wal"], SETTINGS.wal],
    ];
    for (const [own, setting] of choices) {
      const offered = (own?.enum ?? []).filter((choice) => choice !== "") as string[];
      const { expected } = setting.parse("\u0000") as { expected: string };
      expect(offered, setting.env).to.have.members(expected.split(/, | or /).filter((word) => word !== ""));
    }
  });
});

describeWith(["helm"], "the environment of the pods", ({ helm }) => {
  const chart = new Chart(helm);

  /** Variables that the ConfigMap and the containers of an installation set. */
  const variablesOf = async (values: string): Promise<Map<string, string>> => {
    const objects = await chart.render(values);
    const variables = new Map<string, string>();
    const settings = ofKind(objects, "ConfigMap").find(({ metadata }) => /^(rel-\w+|lone)$/.test(metadata.name));
    Object.entries(settings?.data ?? {}).forEach(([name, value]) => variables.set(name, value));
    for (const workload of [...ofKind(objects, "Deployment"), ...ofKind(objects, "Job")]) {
      Object.entries(environmentOf(workload)).forEach(([name, value]) => variables.set(name, value));
    }
    return variables;
  };

  it("has only variables that Ferry reads, with values that Ferry takes", async () => {
    const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
    for (const values of MATRIX) {
      for (const [name, value] of await variablesOf(values)) {
        if (!name.startsWith("FERRY_")) {
          continue;
        }
        const setting = settings.find(({ env, secret }) => env === name || (secret === true && `${env}_FILE` === name));
        expect(setting, name).not.to.equal(undefined);
        if (setting?.env === name) {
          expect(setting.parse(value), `${name}=${value}`).to.have.property("value");
        }
      }
    }
  });

  it("can set everything that can be configured, but for what the image says of itself", async () => {
    const set = new Set(["FERRY_REVISION"]);
    for (const values of MATRIX) {
      for (const name of (await variablesOf(values)).keys()) {
        set.add(name.replace(/^(FERRY_REDIS_(URL|PASSWORD))_FILE$/, "$1"));
      }
    }
    for (const { env } of Object.values(SETTINGS)) {
      expect(set).to.include(env);
    }
  });

  it("follows the values", async () => {
    expect(Object.fromEntries(await variablesOf("placement"))).to.include({
      FERRY_STORE: "fdb:/var/lib/ferry/foundationdb/fdb.cluster",
      FERRY_REDIS_URL: "rediss://cache.example.com:6390/3",
      FERRY_REDIS_USERNAME: "ferry",
      FERRY_LOG_LEVEL: "debug",
      FERRY_LOG_FORMAT: "pretty",
      FERRY_METRICS_HOST: "::",
      FERRY_METRICS_PORT: "8080",
      FERRY_CONCURRENCY: "4",
      FERRY_DRAIN_TIMEOUT: "300s",
      FERRY_LAYOUT: "shards",
      FERRY_TARGET: "depot",
      FERRY_RUNNERS_DRAINED: "yes",
      FERRY_NAMESPACE: "5jxlv5boumuljx2d2nvyat0o2edl00",
      FERRY_MAX_PAGES: "131072",
      FERRY_PROTOCOL_SETTLE: "15s",
      FERRY_CHECK: "quick",
      FERRY_VERIFY: "on",
      FERRY_JOURNAL: "rollback",
      FERRY_SIDECARS: "tolerate",
      FERRY_WAL: "apply",
      FERRY_MAX_BYTES: "2GiB",
      FERRY_SMALL_BYTES: "512KiB",
      FERRY_LEASE: "90s",
      FERRY_LOCK: "45s",
      FERRY_WINDOW: "2000",
    });
    expect(Object.fromEntries(await variablesOf("secure"))).to.include({
      FDB_TLS_VERIFY_PEERS: "Check.Valid=1,S.CN=fdb",
      FDB_NETWORK_OPTION_EXTERNAL_CLIENT_DIRECTORY: "/usr/lib/fdb/multiversion",
      FERRY_REDIS_PREFIX: "ferry-prod",
    });
  });

  it("leaves to Ferry what the values leave open", async () => {
    expect([...(await variablesOf("minimal")).keys()].sort()).to.deep.equal([
      "FERRY_CONCURRENCY",
      "FERRY_DRAIN_TIMEOUT",
      "FERRY_LOG_FORMAT",
      "FERRY_LOG_LEVEL",
      "FERRY_METRICS_HOST",
      "FERRY_METRICS_PORT",
      "FERRY_REDIS_PREFIX",
      "FERRY_REDIS_URL",
      "FERRY_STORE",
    ]);
  });
});
