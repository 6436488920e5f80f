import { expect } from "chai";

import { Chart, MATRIX } from "./support/chart.ts";
import type { Kinds, KubernetesObject } from "./support/kinds.ts";
import { schemaProblem, typeProblems } from "./support/kubernetes-schemas.ts";
import { describeWith } from "./support/tools.ts";

/** Takes what the types would refuse: the schemas must refuse it too. */
const aPod = (spec: unknown): Kinds["Pod"] =>
  ({ apiVersion: "v1", kind: "Pod", metadata: { name: "x" }, spec }) as Kinds["Pod"];

describe("the Kubernetes schemas the chart is checked against", function () {
  this.timeout(60_000);

  it("find a missing field and a wrong type", () => {
    expect(schemaProblem(aPod({ containers: [{ name: "a" }] }))).to.equal(undefined);
    expect(schemaProblem(aPod({ containers: [{}] }))).to.match(/required property name/);
    expect(schemaProblem(aPod({ containers: [{ name: "a", ports: [{ containerPort: "x" }] }] }))).to.match(
      /containerPort must be/,
    );
  });

  it("find an unknown field, at any depth", () => {
    const problems = typeProblems(
      new Map([
        ["right", aPod({ containers: [{ name: "a", ports: [{ containerPort: 1 }] }] })],
        ["wrong", aPod({ containers: [{ name: "a", ports: [{ containerPort: 1, containerName: "b" }] }] })],
      ]),
    );
    expect(problems).to.have.lengthOf(1);
    expect(problems[0]).to.match(/^wrong: .*containerName/s);
  });

  it("refuse a kind they do not know", () => {
    expect(() => schemaProblem({ ...aPod({}), kind: "Secret" } as never)).to.throw("no schema");
  });
});

describeWith(["helm"], "every object of the chart", ({ helm }) => {
  const chart = new Chart(helm);
  const all = new Map<string, KubernetesObject>();

  before(async () => {
    for (const values of MATRIX) {
      for (const object of await chart.render(values)) {
        all.set(`${values}: ${object.kind} ${object.metadata.name}`, object);
      }
    }
  });

  it("satisfies the schema of its kind", () => {
    const problems = [...all].flatMap(([title, object]) => {
      const problem = schemaProblem(object);
      return problem === undefined ? [] : [`${title}: ${problem}`];
    });
    expect(problems).to.deep.equal([]);
    expect(all.size).to.be.greaterThan(80);
  });

  it("has no field that its kind does not know", () => {
    expect(typeProblems(all)).to.deep.equal([]);
  });
});
