import { expect } from "chai";

import { Chart, MATRIX } from "./support/chart.ts";
import { containerOf, environmentOf, ofKind, podOf, workloadsOf, type Kinds } from "./support/kinds.ts";
import { describeWith } from "./support/tools.ts";

const PROCESSES = ["-worker", "-feeder"] as const;

describeWith(["helm"], "worker and feeder", ({ helm }) => {
  const chart = new Chart(helm);
  const deployment = (values: string, name: string): Promise<Kinds["Deployment"]> =>
    chart.one(values, "Deployment", name);

  it("run the image's entry points", async () => {
    const command = async (name: string): Promise<unknown> => containerOf(await deployment("minimal", name)).command;
    expect(await command("-worker")).to.deep.equal(["node", "--enable-source-maps", "dist/workers/worker.js"]);
    expect(await command("-feeder")).to.deep.equal(["node", "--enable-source-maps", "dist/producers/campaign.js"]);
  });

  it("roll over one by one, and never add a pod on top", async () => {
    for (const name of PROCESSES) {
      expect((await deployment("minimal", name)).spec?.strategy).to.deep.equal({
        type: "RollingUpdate",
        rollingUpdate: { maxUnavailable: 1, maxSurge: 0 },
      });
    }
  });

  it("have as many replicas as asked for, but none rendered where a scaler sets them", async () => {
    expect((await deployment("minimal", "-worker")).spec?.replicas).to.equal(2);
    expect((await deployment("placement", "-worker")).spec?.replicas).to.equal(5);
    expect((await deployment("placement", "-feeder")).spec?.replicas).to.equal(3);
    for (const values of ["keda", "autoscaling"]) {
      expect((await deployment(values, "-worker")).spec).not.to.have.property("replicas");
      expect((await deployment(values, "-feeder")).spec?.replicas).to.equal(2);
    }
  });

  it("give a worker at least 30 s beyond its drain before it is killed", async () => {
    for (const values of MATRIX) {
      const worker = await deployment(values, "-worker");
      const drain = Number(environmentOf(worker)["FERRY_DRAIN_TIMEOUT"]?.replace(/s$/, ""));
      expect(podOf(worker).spec.terminationGracePeriodSeconds).to.be.at.least(drain + 30);
    }
  });

  it("are started and kept alive by /healthz, which no dependency can fail, and made ready by /readyz", async () => {
    for (const name of PROCESSES) {
      const { startupProbe, livenessProbe, readinessProbe, ports } = containerOf(await deployment("minimal", name));
      expect(startupProbe?.httpGet).to.deep.equal({ path: "/healthz", port: "metrics" });
      expect(livenessProbe?.httpGet).to.deep.equal({ path: "/healthz", port: "metrics" });
      expect(readinessProbe?.httpGet).to.deep.equal({ path: "/readyz", port: "metrics" });
      expect(ports).to.deep.equal([{ name: "metrics", containerPort: 9464, protocol: "TCP" }]);
    }
  });

  it("take the probes' timing and the port from the values", async () => {
    const container = containerOf(await deployment("placement", "-worker"));
    expect(container).not.to.have.property("startupProbe");
    expect(container.livenessProbe).to.include({ initialDelaySeconds: 5, periodSeconds: 10 });
    expect(container.readinessProbe).to.include({ successThreshold: 2 });
    expect(container.ports?.[0]?.containerPort).to.equal(8080);
  });

  it("roll over when the ConfigMap changes, and only then", async () => {
    const checksum = async (...set: string[]): Promise<string | undefined> =>
      podOf(await chart.one("minimal", "Deployment", "-worker", ...set)).metadata.annotations?.["checksum/config"];
    const before = await checksum();
    expect(before).to.match(/^[0-9a-f]{64}$/);
    expect(await checksum("redis.prefix=other")).not.to.equal(before);
    expect(await checksum("keda.pollingInterval=60")).to.equal(before);
  });

  it("are read and entered at Ferry's container without a word about the init container", async () => {
    for (const name of PROCESSES) {
      const { metadata, spec } = podOf(await deployment("placement", name));
      const chosen = metadata.annotations?.["kubectl.kubernetes.io/default-container"];
      expect(chosen).to.equal(spec.containers[0]?.name);
    }
    const own = ["worker.podAnnotations.kubectl\\.kubernetes\\.io/default-container=sidecar"];
    const { metadata } = podOf(await chart.one("placement", "Deployment", "-worker", ...own));
    expect(metadata.annotations).to.include({ "kubectl.kubernetes.io/default-container": "sidecar" });
  });

  it("get placement, resources, volumes and containers from the values", async () => {
    for (const name of PROCESSES) {
      const object = await deployment("placement", name);
      const { spec, metadata } = podOf(object);
      expect(spec).to.deep.include({
        nodeSelector: { "kubernetes.io/os": "linux" },
        tolerations: [{ key: "batch", operator: "Exists", effect: "NoSchedule" }],
        priorityClassName: "low",
        serviceAccountName: "storage",
      });
      expect(spec.affinity).to.have.property("podAntiAffinity");
      expect(spec.topologySpreadConstraints).to.have.lengthOf(1);
      expect(spec.initContainers?.map((one) => one.name)).to.deep.equal(["copy-cluster-file", "fetch-clients"]);
      expect(spec.containers[1]?.name).to.equal("sidecar");
      expect(spec.volumes).to.deep.include({ name: "clients", emptyDir: {} });
      expect(metadata.annotations).to.include({ "example.com/scrape": "true" });
      const container = containerOf(object);
      expect(container.resources?.limits).to.deep.equal({ memory: "2Gi" });
      expect(container.volumeMounts).to.deep.include({ name: "clients", mountPath: "/clients" });
      expect(container.env).to.deep.include({ name: "TZ", value: "UTC" });
      expect(container.envFrom).to.deep.equal([
        { configMapRef: { name: "rel-carrier" } },
        { secretRef: { name: "more-environment" } },
        { configMapRef: { name: "tuning" } },
      ]);
    }
  });
});

describeWith(["helm"], "every pod", ({ helm }) => {
  const chart = new Chart(helm);

  it("runs without root, privileges or a writable root file system", async () => {
    for (const values of MATRIX) {
      for (const { spec } of workloadsOf(await chart.render(values)).map(podOf)) {
        expect(spec.securityContext).to.deep.include({
          runAsNonRoot: true,
          seccompProfile: { type: "RuntimeDefault" },
        });
        const all = [...(spec.initContainers ?? []), ...spec.containers];
        const own = all.filter(({ image }) => image?.includes("ferry") === true);
        expect(own).to.have.lengthOf(2);
        for (const { securityContext } of own) {
          expect(securityContext).to.deep.include({
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          });
        }
      }
    }
  });

  it("has no permissions in any form, and mounts no token", async () => {
    for (const values of MATRIX) {
      const objects = await chart.render(values);
      expect(objects.filter(({ apiVersion }) => apiVersion.startsWith("rbac."))).to.deep.equal([]);
      for (const account of ofKind(objects, "ServiceAccount")) {
        expect(account.automountServiceAccountToken).to.equal(false);
      }
      for (const { spec } of workloadsOf(objects).map(podOf)) {
        expect(spec.automountServiceAccountToken).to.equal(false);
      }
    }
  });

  it("has a cluster file it can write: a copy, from a Secret or a ConfigMap", async () => {
    const sources: unknown[] = [];
    for (const values of MATRIX) {
      for (const { spec } of workloadsOf(await chart.render(values)).map(podOf)) {
        expect(spec.initContainers?.[0]?.command).to.deep.equal([
          ...["install", "-m", "0600"],
          "/etc/ferry/cluster-file/fdb.cluster",
          "/var/lib/ferry/foundationdb/fdb.cluster",
        ]);
        const mount = { name: "cluster-file", mountPath: "/var/lib/ferry/foundationdb" };
        expect(spec.initContainers?.[0]?.volumeMounts).to.deep.include(mount);
        expect(spec.containers[0]?.volumeMounts).to.deep.include(mount);
        expect(spec.volumes).to.deep.include({ name: "cluster-file", emptyDir: { sizeLimit: "1Mi" } });
        sources.push(spec.volumes?.find(({ name }) => name === "cluster-file-source"));
      }
    }
    expect(sources).to.deep.include({
      name: "cluster-file-source",
      secret: { secretName: "fdb-cluster-file", items: [{ key: "fdb.cluster", path: "fdb.cluster" }] },
    });
    expect(sources).to.deep.include({
      name: "cluster-file-source",
      configMap: { name: "fdb-config", items: [{ key: "cluster-file", path: "fdb.cluster" }] },
    });
  });

  it("gets secrets as files only: no Secret is created, and none is in an environment", async () => {
    const objects = await chart.render("secure");
    expect(objects.map<string>(({ kind }) => kind)).not.to.include("Secret");
    expect(JSON.stringify(objects)).not.to.contain("secretKeyRef");
    const files = Object.entries((await chart.one("secure", "ConfigMap")).data ?? {}).filter(([name]) =>
      name.endsWith("_FILE"),
    );
    expect(files.map(([name]) => name).sort()).to.deep.equal([
      "FDB_TLS_CA_FILE",
      "FDB_TLS_CERTIFICATE_FILE",
      "FDB_TLS_KEY_FILE",
      "FERRY_REDIS_CA_FILE",
      "FERRY_REDIS_PASSWORD_FILE",
      "FERRY_REDIS_URL_FILE",
    ]);
    for (const workload of workloadsOf(objects)) {
      for (const [, file] of files) {
        const mount = containerOf(workload).volumeMounts?.find(({ mountPath }) => file.startsWith(`${mountPath}/`));
        expect(mount?.readOnly, file).to.equal(true);
        const volume = podOf(workload).spec.volumes?.find(({ name }) => name === mount?.name);
        const paths = volume?.secret?.items?.map(({ path }) => `${mount?.mountPath ?? ""}/${path}`);
        expect(paths).to.include(file);
      }
    }
  });

  it("runs the image that was asked for", async () => {
    const worker = (values: string): Promise<Kinds["Deployment"]> => chart.one(values, "Deployment", "-worker");
    expect(containerOf(await worker("minimal")).image).to.equal("ferry:0.1.0");
    expect(containerOf(await worker("small")).image).to.equal("ferry:latest");
    expect(containerOf(await worker("secure")).image).to.match(
      /^registry\.example\.com\/storage\/ferry@sha256:[0-9a-f]{64}$/,
    );
    expect(podOf(await worker("secure")).spec.imagePullSecrets).to.deep.equal([{ name: "registry-credentials" }]);
  });
});
