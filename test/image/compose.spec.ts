import { expect } from "chai";
import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";

import { parse } from "yaml";

import type { Setting } from "../../src/config/setting.ts";
import { SETTINGS } from "../../src/config/settings.ts";
import { describeWith } from "../helm/support/tools.ts";
import { ARGUMENTS, ROOT } from "./dockerfile.ts";

interface Service {
  readonly image: string;
  readonly build?: { readonly args: Readonly<Record<string, string>> };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[];
  readonly deploy?: { readonly replicas: number };
  readonly stop_grace_period?: string;
  readonly ports?: readonly string[];
  readonly networks?: readonly string[] | Readonly<Record<string, unknown>>;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
}
interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
  readonly networks: Readonly<Record<string, unknown>>;
}

const read = (path: string): unknown => parse(readFileSync(`${ROOT}${path}`, "utf8"), { merge: true });
const compose = read("compose.yaml") as Compose;
const services = Object.entries(compose.services);
const service = (name: string): Service => compose.services[name] ?? { image: "" };

describe("compose.yaml", () => {
  it("brings up FoundationDB, Redis, two workers, a feeder, Prometheus and Grafana", () => {
    expect(Object.keys(compose.services)).to.deep.equal([
      ...["foundationdb", "configure-foundationdb", "redis"],
      ...["worker", "feeder", "prometheus", "grafana"],
    ]);
    expect(service("worker").deploy?.replicas).to.equal(2);
    expect(service("feeder").command).to.deep.equal(["dist/producers/campaign.js"]);
  });

  it("names only services, volumes, networks and files that there are", () => {
    for (const [name, { volumes = [], depends_on: dependsOn = [], networks = [] }] of services) {
      for (const needed of Array.isArray(dependsOn) ? (dependsOn as string[]) : Object.keys(dependsOn)) {
        expect(compose.services, name).to.have.property(needed);
      }
      for (const network of Array.isArray(networks) ? (networks as string[]) : Object.keys(networks)) {
        expect(compose.networks, name).to.have.property(network);
      }
      for (const volume of volumes.map((one) => one.split(":")[0] ?? "")) {
        if (volume.startsWith("./")) {
          expect(existsSync(`${ROOT}${volume}`), volume).to.equal(true);
        } else {
          expect(compose.volumes, name).to.have.property(volume);
        }
      }
    }
  });

  it("sets only variables that Ferry reads, to values that it takes", () => {
    const settings: readonly Setting<unknown>[] = Object.values(SETTINGS);
    for (const name of ["worker", "feeder"]) {
      for (const [variable, value] of Object.entries(service(name).environment ?? {})) {
        const setting = settings.find(({ env }) => env === variable);
        expect(setting?.parse(value), `${variable}=${value}`).to.have.property("value");
      }
    }
  });

  it("gives a worker its drain and 30 s before it is killed", () => {
    const { environment, stop_grace_period: grace } = service("worker");
    expect(parseInt(grace ?? "", 10)).to.be.at.least(parseInt(environment?.["FERRY_DRAIN_TIMEOUT"] ?? "", 10) + 30);
  });

  it("runs Ferry without privileges and a writable root file system", () => {
    for (const name of ["worker", "feeder"]) {
      expect(service(name)).to.deep.include({ image: "ferry", read_only: true, cap_drop: ["ALL"] });
    }
  });

  it("opens ports on this machine only, and takes images of one version", () => {
    for (const [name, { ports = [], image }] of services) {
      ports.forEach((port) => expect(port, name).to.match(/^127\.0\.0\.1:/));
      expect(image).to.match(/^ferry$|:(v?\d+\.\d+|\$\{FDB_VERSION)/);
    }
    const version = `\${FDB_VERSION:-${ARGUMENTS.get("FDB_VERSION") ?? ""}}`;
    expect(service("foundationdb").image).to.equal(`foundationdb/foundationdb:${version}`);
    expect(service("worker").build?.args).to.deep.equal({ FDB_VERSION: version });
  });

  it("keeps Redis from evicting jobs", () => {
    expect(service("redis").command?.join(" ")).to.contain("--maxmemory-policy noeviction");
  });

  it("loads the dashboard into Grafana, with Prometheus behind it", () => {
    const provider = read("deploy/grafana/provisioning/dashboards/ferry.yaml") as {
      providers: { options: { path: string } }[];
    };
    const path = provider.providers[0]?.options.path;
    expect(service("grafana").volumes).to.include(`./helm/ferry/dashboards:${path ?? ""}:ro`);
    expect(service("grafana").environment?.["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]).to.equal(
      `${path ?? ""}/ferry.json`,
    );
    const source = read("deploy/grafana/provisioning/datasources/prometheus.yaml") as {
      datasources: { url: string }[];
    };
    expect(source.datasources[0]?.url).to.equal("http://prometheus:9090");
  });

  it("has Prometheus ask workers and feeder, and set the labels that dashboard and alerts select by", () => {
    const { scrape_configs: configs } = read("deploy/prometheus/prometheus.yml") as {
      scrape_configs: {
        dns_sd_configs: { names: string[]; port: number }[];
        relabel_configs: { target_label: string }[];
      }[];
    };
    expect(configs[0]?.dns_sd_configs[0]).to.deep.include({ names: ["worker", "feeder"], port: 9464 });
    expect(configs[0]?.relabel_configs.map(({ target_label: label }) => label)).to.include.members([
      "namespace",
      "app_kubernetes_io_instance",
      "pod",
    ]);
  });
});

describeWith(["promtool"], "Prometheus' configuration", ({ promtool }) => {
  it("passes promtool", async () => {
    await promisify(execFile)(promtool, ["check", "config", `${ROOT}deploy/prometheus/prometheus.yml`]);
  });
});
