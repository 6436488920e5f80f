import { expect } from "chai";
import { existsSync, readFileSync } from "node:fs";

import { validate } from "dockerfile-utils";

import { ARGUMENTS, DOCKERFILE, isList, ofKind, originOf, ROOT, stage, STAGES, wordsOf } from "./dockerfile.ts";

const readJson = (file: string): { version: string; engines: { node: string } } =>
  JSON.parse(readFileSync(`${ROOT}${file}`, "utf8")) as { version: string; engines: { node: string } };

describe("the Dockerfile", () => {
  it("passes the linter, which finds faults", () => {
    expect(validate(DOCKERFILE)).to.deep.equal([]);
    expect(validate(DOCKERFILE.replace("EXPOSE 9464", "EXPOSE metrics\nENV A="))).not.to.have.lengthOf(0);
  });

  it("starts every stage from an image of one version, and names it", () => {
    expect(STAGES.map(({ name, image }) => [name, image])).to.deep.equal([
      ["foundationdb", `foundationdb/foundationdb:${ARGUMENTS.get("FDB_VERSION") ?? ""}`],
      ...["build", "production-dependencies", "ferry"].map((name) => [
        name,
        `node:${ARGUMENTS.get("NODE_VERSION") ?? ""}-bookworm-slim`,
      ]),
    ]);
    for (const version of ARGUMENTS.values()) {
      expect(version).to.match(/^\d+\.\d+\.\d+$/);
    }
    expect(ARGUMENTS.get("NODE_VERSION")?.split(".")[0]).to.equal(
      /\d+/.exec(readJson("package.json").engines.node)?.[0],
    );
  });

  it("runs as nobody in particular, by number, from lists and not through a shell", () => {
    const last = stage("ferry");
    const user = ofKind(last, "USER");
    expect(user.map(wordsOf)).to.deep.equal([["1000:1000"]]);
    for (const keyword of ["ENTRYPOINT", "CMD", "RUN"]) {
      expect(ofKind(last, keyword).map(isList), keyword).to.deep.equal([true]);
    }
    const afterUser = last.instructions.slice(last.instructions.findIndex((one) => one.getKeyword() === "USER"));
    expect(afterUser.map((one) => one.getKeyword())).to.deep.equal(["USER", "EXPOSE", "ENTRYPOINT", "CMD"]);
  });

  it("starts the worker, and has the entry points that the chart and compose.yaml start", () => {
    const last = stage("ferry");
    expect(ofKind(last, "ENTRYPOINT").map(wordsOf)).to.deep.equal([["node", "--enable-source-maps"]]);
    expect(ofKind(last, "CMD").map(wordsOf)).to.deep.equal([["dist/workers/worker.js"]]);
    for (const source of ["workers/worker.ts", "src/cli/main.ts"]) {
      expect(existsSync(`${ROOT}${source}`), source).to.equal(true);
    }
  });

  it("ends with production dependencies what was built and runbooks, and nothing that builds", () => {
    const copies = ofKind(stage("ferry"), "COPY").map((copy) => [originOf(copy) ?? "", ...wordsOf(copy)]);
    expect(copies).to.deep.equal([
      ["foundationdb", "/usr/lib/libfdb_c.so", "/usr/lib/libfdb_c.so"],
      ["foundationdb", "/usr/lib/fdb/multiversion", "/usr/lib/fdb/multiversion"],
      ["production-dependencies", "/app/node_modules", "node_modules"],
      ["build", "/app/dist", "dist"],
      ["", "package.json", "LICENSE", "./"],
      ["", "docs/runbooks", "docs/runbooks"],
      ["", "bin", "bin"],
    ]);
  });

  it("copies what exists, and .dockerignore lets in that and nothing else", () => {
    const copied = STAGES.flatMap((one) => ofKind(one, "COPY"))
      .filter((copy) => originOf(copy) === undefined)
      .flatMap((copy) => wordsOf(copy).slice(0, -1));
    for (const path of copied) {
      expect(existsSync(`${ROOT}${path}`), path).to.equal(true);
    }
    const lines = readFileSync(`${ROOT}.dockerignore`, "utf8").split("\n");
    const rules = lines.filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules[0]).to.equal("*");
    expect(rules.slice(1).sort()).to.deep.equal([...new Set(copied)].map((path) => `!${path}`).sort());
  });

  it("tells what runs in it of the commit it was built of", () => {
    const last = stage("ferry");
    expect(ofKind(last, "ARG").map(wordsOf)).to.deep.include(["FERRY_REVISION="]);
    expect(ofKind(last, "ENV").flatMap(wordsOf)).to.include("FERRY_REVISION=${FERRY_REVISION}");
  });

  it("carries the version that package.json and the chart have", () => {
    const { version } = readJson("package.json");
    const [argument] = ofKind(stage("ferry"), "ARG").map(wordsOf);
    expect(argument).to.deep.equal([`FERRY_VERSION=${version}`]);
    expect(readFileSync(`${ROOT}helm/ferry/Chart.yaml`, "utf8")).to.contain(`appVersion: "${version}"`);
  });
});
