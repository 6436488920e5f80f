import { expect } from "chai";

import { Chart } from "./support/chart.ts";
import { ofKind, type Kinds } from "./support/kinds.ts";
import { describeWith } from "./support/tools.ts";

describeWith(["helm"], "scaling", ({ helm }) => {
  const chart = new Chart(helm);

  it("by KEDA follows ferry_desired_workers, falls back when that is missing, and sheds workers slowly", async () => {
    const { spec, metadata } = await chart.one("keda", "ScaledObject");
    expect(metadata.annotations).to.include({ team: "storage" });
    expect(spec).to.deep.include({
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "rel-ferry-worker" },
      minReplicaCount: 0,
      maxReplicaCount: 30,
      pollingInterval: 30,
      cooldownPeriod: 300,
      fallback: { failureThreshold: 3, replicas: 2 },
    });
    expect(spec.triggers[0]).to.deep.equal({
      type: "prometheus",
      metricType: "AverageValue",
      metadata: {
        serverAddress: "http://prometheus-operated.monitoring:9090",
        query: 'max(ferry_desired_workers{namespace="ns", app_kubernetes_io_instance="rel"})',
        threshold: "1",
        activationThreshold: "0",
        ignoreNullValues: "false",
      },
      authenticationRef: { name: "prometheus" },
    });
    expect(spec.triggers[1]?.type).to.equal("cron");
    expect(spec.advanced?.horizontalPodAutoscalerConfig?.behavior?.scaleDown).to.deep.equal({
      stabilizationWindowSeconds: 300,
      policies: [{ type: "Pods", value: 1, periodSeconds: 120 }],
    });
  });

  it("by KEDA selects series as alerts do", async () => {
    const { spec } = await chart.one("podmonitor", "ScaledObject");
    expect(spec.triggers[0]?.metadata["query"]).to.equal('max(ferry_desired_workers{job="ferry"})');
  });

  it("by a HorizontalPodAutoscaler takes CPU and further metrics, and sheds workers as slowly", async () => {
    const { spec } = await chart.one("autoscaling", "HorizontalPodAutoscaler");
    expect(spec).to.include({ minReplicas: 3, maxReplicas: 12 });
    expect(spec?.scaleTargetRef.name).to.equal("rel-ferry-worker");
    expect(spec?.metrics?.map(({ type }) => type)).to.deep.equal(["Resource", "Pods"]);
    expect(spec?.behavior?.scaleDown?.stabilizationWindowSeconds).to.equal(300);
  });

  it("leaves room for a PodDisruptionBudget only above one worker", async () => {
    const budget = async (values: string, ...set: string[]): Promise<Kinds["PodDisruptionBudget"]["spec"]> =>
      ofKind(await chart.render(values, ...set), "PodDisruptionBudget")[0]?.spec;
    expect(await budget("minimal")).to.deep.include({ maxUnavailable: 1, unhealthyPodEvictionPolicy: "AlwaysAllow" });
    expect(await budget("autoscaling")).to.have.property("maxUnavailable", 1);
    expect(await budget("placement")).to.have.property("minAvailable", "60%");
    expect(await budget("placement")).not.to.have.property("maxUnavailable");
    expect(await budget("keda")).to.equal(undefined);
    expect(await budget("small")).to.equal(undefined);
    expect(await budget("minimal", "podDisruptionBudget.enabled=false")).to.equal(undefined);
  });
});
