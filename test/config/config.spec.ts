import { writeFile } from "node:fs/promises";
import { expect } from "chai";
import { loadConfig, type Environment, type Flags } from "../../src/config/config.ts";
import { SETTINGS, type SettingName } from "../../src/config/settings.ts";
import type { Setting } from "../../src/config/setting.ts";
import { UsageError } from "../../src/errors.ts";
import { DEFAULT_MIGRATION_OPTIONS } from "../../src/migration/context.ts";
import { MAX_PAGES, PROTOCOL_SETTLE_MS } from "../../src/migration/targets/depot/depot-options.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

describe("the configuration", () => {
  const folder = temporaryFolder();

  it("has a default for everything", () => {
    const config = loadConfig({});
    expect(config.store).to.equal("lmdb:.ferry/store");
    expect(config.redisUrl).to.equal("redis://127.0.0.1:6379");
    expect(config.metricsPort).to.equal(9464);
    expect(config.given.size).to.equal(0);
  });

  it("has the migration's own defaults", () => {
    const { layout, smallBytes, maxBytes, leaseMs, verify } = loadConfig({});
    expect({
      layout,
      smallImageBytes: smallBytes,
      maxImageBytes: maxBytes,
      leaseMs,
      verify: verify === "on",
    }).to.include({
      layout: DEFAULT_MIGRATION_OPTIONS.layout,
      smallImageBytes: DEFAULT_MIGRATION_OPTIONS.smallImageBytes,
      maxImageBytes: DEFAULT_MIGRATION_OPTIONS.maxImageBytes,
      leaseMs: DEFAULT_MIGRATION_OPTIONS.leaseMs,
      verify: DEFAULT_MIGRATION_OPTIONS.verify,
    });
  });

  it("has Depot's own limits", () => {
    const { maxPages, protocolSettleMs } = loadConfig({});
    expect({ maxPages, protocolSettleMs }).to.deep.equal({
      maxPages: MAX_PAGES,
      protocolSettleMs: PROTOCOL_SETTLE_MS,
    });
  });

  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    it(`would read the default of ${name} as it is written`, () => {
      if (setting.fallbackText !== "") {
        expect(setting.parse(setting.fallbackText)).to.deep.equal({ value: setting.fallback });
      }
    });
  }

  it("takes the environment over defaults, and flags over the environment", () => {
    const environment = { FERRY_CONCURRENCY: "8", FERRY_LEASE: "2m" };
    const config = loadConfig(environment, { concurrency: "16" });
    expect(config.concurrency).to.equal(16);
    expect(config.leaseMs).to.equal(120_000);
    expect([...config.given]).to.have.deep.members([
      ["concurrency", "flag"],
      ["leaseMs", "environment"],
    ]);
  });

  it("takes an empty variable for one that is not set", () => {
    expect(loadConfig({ FERRY_CONCURRENCY: "" }).concurrency).to.equal(4);
  });

  it("cannot be changed", () => {
    expect(Object.isFrozen(loadConfig({}))).to.equal(true);
  });

  it("reads a secret from the file that a variable names, without its last line break", async () => {
    await writeFile(folder.in("secret"), "pass word\n");
    const config = loadConfig({ FERRY_REDIS_PASSWORD_FILE: folder.in("secret") });
    expect(config.redisPassword).to.equal("pass word");
  });

  it("refuses a secret that is given twice", () => {
    expectRefusal({ FERRY_REDIS_PASSWORD: "a", FERRY_REDIS_PASSWORD_FILE: "/b" }, {}, /both set/);
  });

  it("says which file of a secret cannot be read", () => {
    expectRefusal({ FERRY_REDIS_PASSWORD_FILE: folder.in("none") }, {}, /FERRY_REDIS_PASSWORD_FILE/);
  });

  const refusals: readonly [SettingName, string, RegExp][] = [
    ["concurrency", "0", /^--concurrency "0" cannot be used: write a whole number from 1 to 256\.$/],
    ["concurrency", "four", /whole number/],
    ["layout", "shard", /^--layout "shard" cannot be used: write delta or shards\.$/],
    ["logLevel", "verbose", /error, warn, info or debug/],
    ["leaseMs", "60", /such as 60s/],
    ["leaseMs", "10ms", /from 1s to 1h/],
    ["maxBytes", "10Gi", /such as 10GiB/],
    ["smallBytes", "2MiB", /from 0B to 1MiB/],
    ["metricsPort", "65536", /a port from 0 to 65535, or off/],
    ["window", "-1", /whole number/],
    ["store", "", /^--store "" cannot be used/],
  ];
  for (const [name, text, message] of refusals) {
    it(`refuses ${name} "${text}", and says what to write`, () => {
      expectRefusal({}, { [name]: text }, message);
    });
  }

  it("names the variable when the value comes from the environment", () => {
    expectRefusal({ FERRY_LAYOUT: "x" }, {}, /^FERRY_LAYOUT "x"/);
  });

  it("explains a port that Kubernetes' service links have set", () => {
    expectRefusal({ FERRY_METRICS_PORT: "tcp://10.0.0.1:9464" }, {}, /enableServiceLinks/);
  });

  it("knows off and 0 as metrics ports", () => {
    expect(loadConfig({}, { metricsPort: "off" }).metricsPort).to.equal("off");
    expect(loadConfig({}, { metricsPort: "0" }).metricsPort).to.equal(0);
  });

  function expectRefusal(environment: Environment, flags: Flags, message: RegExp): void {
    expect(() => loadConfig(environment, flags))
      .to.throw(UsageError)
      .with.property("message")
      .that.matches(message);
  }
});
