import { expect } from "chai";

import { Chart } from "./support/chart.ts";
import { containerOf, environmentOf, jobSpecOf, ofKind, podOf, type Kinds } from "./support/kinds.ts";
import { describeWith } from "./support/tools.ts";

describeWith(["helm"], "commands", ({ helm }) => {
  const chart = new Chart(helm);
  const commands = async (...set: string[]): Promise<Kinds["CronJob" | "Job"][]> => {
    const objects = await chart.render("commands", ...set);
    return [...ofKind(objects, "CronJob"), ...ofKind(objects, "Job")];
  };

  it("run once as Jobs, and by the clock as CronJobs", async () => {
    const lines = (await commands()).map((object) => [object.kind, ...(containerOf(object).command ?? []).slice(2)]);
    expect(lines).to.have.deep.members([
      ["CronJob", "dist/src/cli/main.js", "campaign", "create", "$(JOB_NAME)", "--scan", "--start"],
      ["CronJob", "dist/src/cli/main.js", "requeue", "--yes", "--reason", "worker_lost"],
      ["Job", "dist/src/cli/main.js", "enqueue", "--scan"],
      ["Job", "dist/src/cli/main.js", "requeue", "--yes", "--reason", "journal_present", "--journal", "rollback"],
    ]);
    expect((await chart.one("commands", "CronJob", "-nightly")).spec).to.include({
      ...{ schedule: "0 22 * * *", timeZone: "Europe/Zurich" },
      ...{ concurrencyPolicy: "Forbid", suspend: false },
    });
    expect((await chart.one("commands", "CronJob", "-retry")).spec).to.include({
      ...{ concurrencyPolicy: "Replace", suspend: true, startingDeadlineSeconds: 300 },
    });
  });

  it("are other Jobs where an upgrade changes their pods, which Kubernetes would refuse, and else the same", async () => {
    const names = async (...set: string[]): Promise<string[]> =>
      ofKind(await chart.render("commands", ...set), "Job").map(({ metadata }) => metadata.name);
    const [enqueue, requeue] = await names();
    expect(await names("keda.pollingInterval=60")).to.deep.equal([enqueue, requeue]);
    for (const set of ["image.tag=v2", "redis.prefix=other", "jobs.nodeSelector.disk=fast"]) {
      expect(await names(set), set).not.to.include.oneOf([enqueue, requeue]);
    }
    const [sameEnqueue, otherRequeue] = await names("requeue.reason=wal_present");
    expect(sameEnqueue).to.equal(enqueue);
    expect(otherRequeue).not.to.equal(requeue);
  });

  it("stay when they have finished: Helm would make anew, and so run again, what is gone", async () => {
    for (const command of await commands()) {
      expect(jobSpecOf(command)).not.to.have.property("ttlSecondsAfterFinished");
    }
  });

  it("are tried again when a dependency could not be reached, and not when they would fail again", async () => {
    for (const command of await commands()) {
      const spec = jobSpecOf(command);
      expect(spec.backoffLimit).to.equal(6);
      expect(spec.podFailurePolicy?.rules[0]).to.deep.equal({
        action: "FailJob",
        onExitCodes: { containerName: containerOf(command).name, operator: "In", values: [1, 2, 4] },
      });
      expect(podOf(command).spec.restartPolicy).to.equal("Never");
    }
  });

  it("know the name of their run, the release's settings and their own", async () => {
    const job = await chart.one("placement", "Job");
    expect(containerOf(job).command?.slice(3)).to.deep.equal(["enqueue", "actor-a", "actor-b"]);
    expect(environmentOf(job)).to.include({ FERRY_USER: "helm ns/rel" });
    expect(containerOf(job).env).to.deep.include({
      name: "JOB_NAME",
      valueFrom: { fieldRef: { fieldPath: "metadata.labels['batch.kubernetes.io/job-name']" } },
    });
    expect(environmentOf(job)).to.include({ TZ: "UTC", JOBS: "1" });
    expect(containerOf(job).volumeMounts).to.deep.include({ name: "ids", mountPath: "/ids", readOnly: true });
    expect(jobSpecOf(job)).to.include({ backoffLimit: 0 });
  });
});
