import { ScaledObject } from "@kubernetes-models/keda/keda.sh/v1alpha1";
import {
  PodMonitor,
  PrometheusRule,
  ServiceMonitor,
} from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";
import { Deployment } from "kubernetes-models/apps/v1";
import { HorizontalPodAutoscaler } from "kubernetes-models/autoscaling/v2";
import { CronJob, Job } from "kubernetes-models/batch/v1";
import { NetworkPolicy } from "kubernetes-models/networking.k8s.io/v1";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1";
import { ConfigMap, Pod, Service, ServiceAccount } from "kubernetes-models/v1";
import ts from "typescript";

import { ROOT } from "./chart.ts";
import type { KubernetesObject } from "./kinds.ts";

interface Model {
  readonly apiVersion: string;
  readonly kind: string;
  new (data: never): { validate(): void };
}

const KUBERNETES = "kubernetes-models";
const OPERATOR = "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1";

/** Kinds the chart may create, and the module that has the type `I<kind>`. */
const MODELS: readonly (readonly [Model, string])[] = [
  [ConfigMap, `${KUBERNETES}/v1`],
  [Pod, `${KUBERNETES}/v1`],
  [Service, `${KUBERNETES}/v1`],
  [ServiceAccount, `${KUBERNETES}/v1`],
  [Deployment, `${KUBERNETES}/apps/v1`],
  [HorizontalPodAutoscaler, `${KUBERNETES}/autoscaling/v2`],
  [Job, `${KUBERNETES}/batch/v1`],
  [CronJob, `${KUBERNETES}/batch/v1`],
  [NetworkPolicy, `${KUBERNETES}/networking.k8s.io/v1`],
  [PodDisruptionBudget, `${KUBERNETES}/policy/v1`],
  [ServiceMonitor, OPERATOR],
  [PodMonitor, OPERATOR],
  [PrometheusRule, OPERATOR],
  [ScaledObject, "@kubernetes-models/keda/keda.sh/v1alpha1"],
];

function modelOf(object: KubernetesObject): readonly [Model, string] {
  const found = MODELS.find(([model]) => model.apiVersion === object.apiVersion && model.kind === object.kind);
  if (found === undefined) {
    throw new Error(`the chart creates ${object.apiVersion} ${object.kind}, of which no schema is known`);
  }
  return found;
}

/** What the schema of its kind has against an object: missing fields, wrong types and formats. Unknown fields pass. */
export function schemaProblem(object: KubernetesObject): string | undefined {
  const [model] = modelOf(object);
  try {
    new model(object as never).validate();
    return undefined;
  } catch (error) {
    return String(error);
  }
}

/**
 * What the compiler has against the objects as literals of their kinds' types: unknown fields at any depth, and wrong types again.
 * One compilation for all of them; it takes seconds.
 */
export function typeProblems(objects: ReadonlyMap<string, KubernetesObject>): readonly string[] {
  const titles: string[] = [];
  const lines: string[] = [];
  for (const [title, object] of objects) {
    const [model, module] = modelOf(object);
    titles.push(title);
    lines.push(`const object${lines.length}: import("${module}").I${model.kind} = ${JSON.stringify(object)};`);
  }
  const fileName = `${ROOT}test/helm/rendered-objects.ts`;
  const options: ts.CompilerOptions = {
    module: ts.ModuleKind.NodeNext,
    target: ts.ScriptTarget.ES2023,
    strict: true,
    skipLibCheck: true,
    noEmit: true,
    types: [],
  };
  const host = ts.createCompilerHost(options);
  const program = ts.createProgram([fileName], options, {
    ...host,
    fileExists: (name) => name === fileName || host.fileExists(name),
    getSourceFile: (name, ...rest) =>
      name === fileName
        ? ts.createSourceFile(name, [...lines, "export {};"].join("\n"), ts.ScriptTarget.ES2023, true)
        : host.getSourceFile(name, ...rest),
  });
  return ts.getPreEmitDiagnostics(program).map((diagnostic) => {
    const text = ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
    const line = diagnostic.file?.getLineAndCharacterOfPosition(diagnostic.start ?? 0).line;
    return `${line === undefined ? "" : (titles[line] ?? "")}: ${text}`;
  });
}
