import { execFile } from "node:child_process";
import { readdirSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { parseAllDocuments } from "yaml";

import { ofKind, type Kind, type Kinds, type KubernetesObject } from "./kinds.ts";

const run = promisify(execFile);

/** The repository's root. */
export const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
export const CHART = `${ROOT}helm/ferry`;

/** The files of `helm/ferry/ci`, without `.yaml`: each is one way to install the chart. */
export const MATRIX = readdirSync(`${CHART}/ci`).map((file) => file.replace(/\.yaml$/, ""));

/** Helm's own idea of the cluster depends on how it was built. */
const CLUSTER_VERSION = "1.31.0";

/** What was rendered, by arguments: all test files share it. */
const rendered = new Map<string, Promise<readonly KubernetesObject[]>>();

/** The chart and the real Helm. Every release is `rel`, in the namespace `ns`. */
export class Chart {
  readonly #helm: string;

  constructor(helm: string) {
    this.#helm = helm;
  }

  /** What an installation with `ci/<values>.yaml` and `set` creates; rendered once. */
  render(values: string, ...set: string[]): Promise<readonly KubernetesObject[]> {
    const key = JSON.stringify([values, set]);
    const objects = rendered.get(key) ?? this.#template(values, set);
    rendered.set(key, objects);
    return objects;
  }

  /** The one object of a kind whose name ends so. */
  async one<K extends Kind>(values: string, kind: K, nameEnd = "", ...set: string[]): Promise<Kinds[K]> {
    const found = ofKind(await this.render(values, ...set), kind).filter(({ metadata }) =>
      metadata.name.endsWith(nameEnd),
    );
    const [object] = found;
    if (object === undefined || found.length > 1) {
      throw new Error(`${values} has ${found.length} objects ${kind} …${nameEnd}`);
    }
    return object;
  }

  /** What Helm says when it refuses to render. */
  async refusal(values: string, ...set: string[]): Promise<string> {
    return this.#refusal(values, set, []);
  }

  /** What Helm says when a cluster of another version refuses. */
  async refusalBy(clusterVersion: string, values: string): Promise<string> {
    return this.#refusal(values, [], ["--kube-version", clusterVersion]);
  }

  async #refusal(values: string, set: readonly string[], cluster: readonly string[]): Promise<string> {
    try {
      await this.#template(values, set, [CHART], cluster);
    } catch (error) {
      return (error as { stderr?: string }).stderr ?? String(error);
    }
    throw new Error(`Helm rendered ${values} with ${set.join(" ")}`);
  }

  /** `helm lint --strict`; throws with what it found. */
  async lint(values: string): Promise<void> {
    await run(this.#helm, [
      "lint",
      CHART,
      "--strict",
      "--kube-version",
      CLUSTER_VERSION,
      "--values",
      `${CHART}/ci/${values}.yaml`,
    ]);
  }

  /**
   * What an installation prints. Only a cluster makes Helm print it, so a copy of the chart renders the file into an object;
   * `apiVersions` are what the cluster knows beyond its own.
   */
  async notes(values: string, set: readonly string[] = [], apiVersions: readonly string[] = []): Promise<string> {
    const copy = await mkdtemp(join(tmpdir(), "ferry-chart-"));
    try {
      await run("cp", ["-R", `${CHART}/.`, copy]);
      await rename(join(copy, "templates/NOTES.txt"), join(copy, "notes.tpl"));
      const notes = 'kind: ConfigMap\ndata: {notes: {{ tpl (.Files.Get "notes.tpl") . | toJson }}}\n';
      await writeFile(join(copy, "templates/notes.yaml"), notes);
      const [object] = await this.#template(
        values,
        set,
        [copy, "--show-only", "templates/notes.yaml"],
        apiVersions.flatMap((version) => ["--api-versions", version]),
      );
      return object?.kind === "ConfigMap" ? (object.data?.["notes"] ?? "") : "";
    } finally {
      await rm(copy, { recursive: true });
    }
  }

  async #template(
    values: string,
    set: readonly string[],
    what: readonly string[] = [CHART],
    cluster: readonly string[] = [],
  ): Promise<readonly KubernetesObject[]> {
    const { stdout } = await run(
      this.#helm,
      [
        ...["template", "rel", ...what, "--namespace", "ns", "--kube-version", CLUSTER_VERSION, ...cluster],
        ...["--values", `${CHART}/ci/${values}.yaml`],
        ...set.flatMap((one) => ["--set", one]),
      ],
      { maxBuffer: 64 * 2 ** 20 },
    );
    return parseAllDocuments(stdout)
      .map((document) => {
        const [error] = document.errors;
        if (error !== undefined) {
          throw error;
        }
        return document.toJS() as KubernetesObject | null;
      })
      .filter((object) => object !== null);
  }
}
