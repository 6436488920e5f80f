import type { IScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1";
import type {
  IPodMonitor,
  IPrometheusRule,
  IServiceMonitor,
} from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import type { IDeployment } from "kubernetes-models/apps/v1";
import type { IHorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import type { ICronJob, IJob } from "kubernetes-models/batch/v1";
import type { INetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import type { IPodDisruptionBudget } from "kubernetes-models/policy/v1";
import type { IConfigMap, IContainer, IPod, IPodTemplateSpec, IService, IServiceAccount } from "kubernetes-models/v1";

type Named<T extends { metadata?: unknown }> = T & {
  readonly metadata: NonNullable<T["metadata"]> & { readonly name: string };
};

/** Every kind the chart may create. */
export interface Kinds {
  readonly ConfigMap: Named<IConfigMap>;
  readonly CronJob: Named<ICronJob>;
  readonly Deployment: Named<IDeployment>;
  readonly HorizontalPodAutoscaler: Named<IHorizontalPodAutoscaler>;
  readonly Job: Named<IJob>;
  readonly NetworkPolicy: Named<INetworkPolicy>;
  readonly Pod: Named<IPod>;
  readonly PodDisruptionBudget: Named<IPodDisruptionBudget>;
  readonly PodMonitor: Named<IPodMonitor>;
  readonly PrometheusRule: Named<IPrometheusRule>;
  readonly ScaledObject: Named<IScaledObject>;
  readonly Service: Named<IService>;
  readonly ServiceAccount: Named<IServiceAccount>;
  readonly ServiceMonitor: Named<IServiceMonitor>;
}
export type Kind = keyof Kinds;
export type KubernetesObject = Kinds[Kind];

/** What runs pods, with what it makes them from. */
export type Workload = Kinds["CronJob" | "Deployment" | "Job" | "Pod"];

/** The objects of a kind. */
export function ofKind<K extends Kind>(objects: readonly KubernetesObject[], kind: K): Kinds[K][] {
  return objects.filter((object): object is Kinds[K] => object.kind === kind);
}

/** Everything that runs pods. */
export function workloadsOf(objects: readonly KubernetesObject[]): Workload[] {
  return [
    ...ofKind(objects, "Deployment"),
    ...ofKind(objects, "CronJob"),
    ...ofKind(objects, "Job"),
    ...ofKind(objects, "Pod"),
  ];
}

/** The spec of a Job, or of a CronJob's. */
export function jobSpecOf(object: Kinds["CronJob" | "Job"]): NonNullable<Kinds["Job"]["spec"]> {
  const spec = object.kind === "CronJob" ? object.spec?.jobTemplate.spec : object.spec;
  return present(spec, `${object.metadata.name} has no spec`);
}

/** The pod that a workload makes. */
export function podOf(object: Workload): Required<Pick<IPodTemplateSpec, "metadata" | "spec">> {
  const { metadata, spec } = templateOf(object);
  return {
    metadata: present(metadata, `${object.metadata.name} has no metadata`),
    spec: present(spec, `${object.metadata.name} has no pod`),
  };
}

/** The first container of a workload's pod: Ferry's. */
export function containerOf(object: Workload): IContainer {
  return present(podOf(object).spec.containers[0], `${object.metadata.name} has no container`);
}

/** Variables of that container that have a value of their own. */
export function environmentOf(object: Workload): Record<string, string> {
  return Object.fromEntries((containerOf(object).env ?? []).map(({ name, value }) => [name, value ?? ""]));
}

function templateOf(object: Workload): IPodTemplateSpec {
  switch (object.kind) {
    case "Deployment":
      return present(object.spec, "no spec").template;
    case "CronJob":
    case "Job":
      return jobSpecOf(object).template;
    case "Pod":
      return object;
  }
}

function present<T>(value: T | undefined, message: string): T {
  if (value === undefined) {
    throw new Error(message);
  }
  return value;
}
