import { expect } from "chai";

import { Chart } from "./support/chart.ts";
import type { Kinds } from "./support/kinds.ts";
import { describeWith } from "./support/tools.ts";

const OWN = {
  podSelector: { matchLabels: { "app.kubernetes.io/name": "ferry", "app.kubernetes.io/instance": "rel" } },
};

describeWith(["helm"], "the NetworkPolicy", ({ helm }) => {
  const chart = new Chart(helm);
  const policy = async (values: string, ...set: string[]): Promise<NonNullable<Kinds["NetworkPolicy"]["spec"]>> =>
    (await chart.one(values, "NetworkPolicy", "", ...set)).spec ?? { podSelector: {} };

  it("lets metrics in, and DNS, Redis, FoundationDB and the tests' requests out", async () => {
    expect(await policy("minimal")).to.deep.equal({
      ...OWN,
      policyTypes: ["Ingress", "Egress"],
      ingress: [{ ports: [{ port: 9464, protocol: "TCP" }] }],
      egress: [
        {
          ports: [
            { port: 53, protocol: "UDP" },
            { port: 53, protocol: "TCP" },
          ],
        },
        { ports: [{ port: 6379, protocol: "TCP" }] },
        { ports: [{ port: 4500, endPort: 4599, protocol: "TCP" }] },
        { ports: [{ port: 9464, protocol: "TCP" }], to: [OWN] },
      ],
    });
  });

  it("takes peers, ports and further rules from the values", async () => {
    const { ingress, egress } = await policy("secure");
    expect(ingress?.[0]?.from?.[0]).to.deep.equal(OWN);
    expect(ingress?.[0]?.from?.[1]).to.have.property("namespaceSelector");
    expect(ingress?.[1]?.from).to.deep.equal([{ podSelector: { matchLabels: { app: "debug" } } }]);
    expect(egress?.[1]).to.deep.equal({
      ports: [{ port: 6380, protocol: "TCP" }],
      to: [{ podSelector: { matchLabels: { app: "redis" } } }],
    });
    expect(egress?.[2]).to.deep.equal({
      ports: [{ port: 4500, endPort: 4507, protocol: "TCP" }],
      to: [{ ipBlock: { cidr: "10.20.0.0/16" } }],
    });
    expect(egress?.[4]?.ports).to.deep.equal([{ port: 443, protocol: "TCP" }]);
  });

  it("finds Redis' port in the URL, and not in its user or database", async () => {
    const portIn = async (url: string): Promise<unknown> =>
      (await policy("minimal", `redis.url=${url}`)).egress?.[1]?.ports?.[0]?.port;
    expect(await portIn("redis://cache")).to.equal(6379);
    expect(await portIn("rediss://cache.example.com:6390/3")).to.equal(6390);
    expect(await portIn("redis://user1@cache:7000/15")).to.equal(7000);
    expect(await portIn("redis://cache:7000?family=6")).to.equal(7000);
    expect(await portIn("redis://[fd00::10]")).to.equal(6379);
    expect(await portIn("redis://[fd00::10]:7000")).to.equal(7000);
  });
});
