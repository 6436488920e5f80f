import { expect } from "chai";
import fc from "fast-check";
import type { CampaignCounts } from "../../../src/campaign/campaign-counts.ts";
import { Histogram } from "../../../src/campaign/report/report-histogram.ts";
import { readCampaignActor, replaceResult } from "../../../src/campaign/ledger/campaign-ledger.ts";
import { sampleOf } from "../../../src/campaign/progress/samples.ts";
import { Series } from "../../../src/campaign/report/report-series.ts";
import { makeReport, type CampaignReport } from "../../../src/campaign/report/report.ts";
import { reportHtml } from "../../../src/cli/campaign/html/report-html.ts";
import { reportText } from "../../../src/cli/campaign/report-text.ts";
import { readRunbook } from "../../../src/cli/runbooks.ts";
import type { ActorId } from "../../../src/formats/actor-id.ts";
import type { Verdict } from "../../../src/migration/outcome.ts";
import { MIGRATED } from "../../support/campaign-fleet.ts";
import { CampaignScene } from "../../support/campaign-scene.ts";
import { countsOf } from "../../support/campaign-facts.ts";
import { forEachEngine } from "../../support/stores.ts";

const BAD: Verdict = { state: "rejected", reason: "chunk_missing", detail: "" };

const pick = ({ todo, open, later }: CampaignCounts): Partial<CampaignCounts> => ({ todo, open, later });

describe("a report", () => {
  forEachEngine((makeStore) => {
    let scene: CampaignScene;
    let badIds: [ActorId, ...ActorId[]];
    let report: CampaignReport;

    before(function () {
      this.timeout(60_000);
    });

    beforeEach(async () => {
      scene = new CampaignScene(await makeStore());
      const ids = await scene.seed(120, (index) => 4096 * (index + 1));
      await scene.start("all", {
        spec: { order: "scan", options: { layout: "shards" } },
        settings: { window: 10 },
        author: { who: "<b>operator</b>", reason: "spring & summer" },
      });
      const feeder = scene.feeder();
      badIds = ids.slice(0, 12) as typeof badIds;
      const bad = new Set(badIds);
      while ((await scene.campaign("all")).state === "running") {
        await feeder.tick();
        await scene.work((id) => (bad.has(id) ? BAD : MIGRATED));
        scene.clock.nowMs += 10_000;
      }
      expect(await scene.differences("all")).to.deep.equal([]);
      report = await makeReport(scene.store, "all", scene.clock.now());
    });

    it("has every actor in its totals, its reasons and its distributions", () => {
      const { counts, reasons, sizes, durations, feeds, progress } = report;
      expect([counts.done.migrated.actors, counts.done.rejected.actors]).to.deep.equal([108, 12]);
      expect(reasons).to.have.length(1);
      expect(reasons[0]).to.include({ reason: "chunk_missing", runbook: "docs/runbooks/chunk_missing.md" });
      for (const { buckets, summary } of [sizes, durations]) {
        expect(buckets.reduce((sum, { count }) => sum + count, 0)).to.equal(120);
        expect(summary.count).to.equal(120);
      }
      expect(sizes.summary.largest).to.equal(120 * 4096);
      expect([feeds, progress.percent]).to.deep.equal([120, 100]);
    });

    it("adds up also where actors are not done with, of which none waits once it is cancelled", () => {
      const counts = { ...report.counts, ...pick(countsOf({ todo: 7, open: 2, later: 10 })) };
      const of = (state: "running" | "cancelled"): string[] => {
        const part = { ...report, counts, campaign: { ...report.campaign, state } };
        return [reportText(part).join("\n"), reportHtml(part, readRunbook)];
      };
      for (const text of of("running")) {
        expect(text)
          .to.match(/waiting(?:\s|<[^>]*>)+7\b/)
          .and.match(/in flight(?:\s|<[^>]*>)+2\b/)
          .and.match(/deferred, come back(?:\s|<[^>]*>)+10\b/);
      }
      for (const text of of("cancelled")) {
        expect(text)
          .to.match(/not done(?:\s|<[^>]*>)+19\b/)
          .and.not.match(/waiting|come back/);
      }
    });

    it("shows throughput over time that adds up to what was done", () => {
      const { series, elapsedMs, actorsPerSecond } = report;
      expect(series.length).to.be.greaterThan(5);
      expect(series.at(-1)?.done).to.equal(120);
      expect((actorsPerSecond * elapsedMs) / 1000).to.be.closeTo(120, 0.001);
    });

    it("leaves out of its averages what a requeue has migrated since the end", async () => {
      const [bad] = badIds;
      const { campaign, bytesPerSecond, counts } = report;
      await scene.store.transact(async (tx) => {
        const from = await readCampaignActor(tx, "all", bad);
        const to = { state: "migrated", finishedAtMs: (campaign.finishedAtMs ?? 0) + 1 } as const;
        replaceResult(tx, "all", bad, { from, to });
      });
      scene.clock.nowMs += 10_000;
      const later = await makeReport(scene.store, "all", scene.clock.now());
      expect(later.counts.done.migrated.actors).to.equal(counts.done.migrated.actors + 1);
      expect(bytesPerSecond).to.be.above(0);
      expect(later.bytesPerSecond).to.equal(bytesPerSecond);
    });

    it("names the slowest actors, ten at most", () => {
      expect(report.slowest).to.have.length(10);
    });

    it("prints on a terminal without long lines but those with ids", () => {
      const lines = reportText(report);
      expect(lines.join("\n")).to.contain("docs/runbooks/chunk_missing.md");
      expect(lines[0]).to.match(/^campaign all: completed since/);
    });

    it("is one HTML file without scripts or anything to fetch, for light and dark, with all text escaped", () => {
      const html = reportHtml(report, readRunbook);
      expect(html).not.to.match(/<script|<link|<img|@import|src=|url\(\s*['"]?http/i);
      expect(html.match(/https?:\/\/[^"' )<]+/g) ?? []).to.satisfy((urls: string[]) =>
        urls.every((url) => url.startsWith("http://www.w3.org/")),
      );
      expect(html).to.contain("prefers-color-scheme: dark").and.contain("&lt;b&gt;operator&lt;/b&gt;");
      expect(html).not.to.contain("<b>operator");
      expect(html.match(/<svg /g) ?? []).to.have.length(2 * 6);
      expect(html).not.to.match(/NaN|undefined|\[object/);
    });

    it("has the runbooks of its reasons in it, and no link that leads out of it", () => {
      const { reasons } = report;
      const failed = { ...reasons[0], state: "failed", reason: "store_timed_out", runbook: "docs/runbooks/failed.md" };
      const html = reportHtml({ ...report, reasons: [...reasons, failed, failed] as never }, readRunbook);
      const links = [...html.matchAll(/href="([^"]*)"/g)].map(([, link = ""]) => link);
      expect(new Set(links)).to.deep.equal(new Set(["#docs/runbooks/chunk_missing.md", "#docs/runbooks/failed.md"]));
      for (const link of new Set(links)) {
        expect(html.split(`id="${link.slice(1)}"`)).to.have.length(2);
      }
      expect(html).to.contain("Do not fill the gap with zeros");
      expect(reportHtml(report, () => undefined))
        .to.contain("docs/runbooks/chunk_missing.md")
        .and.not.contain("href=");
    });

    it("leaves room for the longest reason beside its bar, also in the widest of usual fonts", () => {
      const reason = "header_page_count_mismatch";
      const html = reportHtml({ ...report, reasons: report.reasons.map((line) => ({ ...line, reason })) }, readRunbook);
      const [, end = "0"] = /translate\(([\d.]+) [\d.]+\)"[^>]*>header_page_count_mismatch</.exec(html) ?? [];
      // A character of 12 px takes up to 7.5 there.
      expect(Number(end)).to.be.at.least(7.5 * reason.length);
    });
  });

  it("counts every value in one bucket, and never says a quantile beyond the largest", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5000), { minLength: 1 }), (values) => {
        const histogram = new Histogram([0, 10, 100, 1000]);
        values.forEach((value) => {
          histogram.add(value);
        });
        const { summary, buckets } = histogram;
        expect(buckets.reduce((sum, { count }) => sum + count, 0)).to.equal(values.length);
        expect(summary.largest).to.equal(Math.max(...values));
        const sorted = values.toSorted((a, b) => a - b);
        const median = sorted[Math.ceil(sorted.length / 2) - 1] ?? 0;
        expect(summary.median).to.be.within(median, summary.largest);
      }),
    );
  });

  it("folds any number of samples into a few hundred points that add up", () => {
    const samples = Array.from({ length: 5000 }, (_, index) =>
      sampleOf(countsOf({ migrated: index * 2, rejected: index }), index * 10_000),
    );
    const series = new Series(samples[0]?.atMs ?? 0, samples.at(-1)?.atMs ?? 0);
    samples.forEach((sample) => {
      series.add(sample);
    });
    const points = series.end();
    expect(points.length).to.be.within(100, 250);
    for (const { actorsPerSecond, bytesPerSecond, badPerSecond } of points) {
      expect(actorsPerSecond).to.be.closeTo(0.3, 1e-9);
      expect(bytesPerSecond).to.be.closeTo(0.2 * 4096, 1e-6);
      expect(badPerSecond).to.be.closeTo(0.1, 1e-9);
    }
    expect(points.at(-1)?.done).to.equal(4999 * 3);
  });
});
