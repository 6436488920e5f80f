import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "chai";
import { adviceFor, runbookOf } from "../../src/cli/rejected/advice.ts";
import type { CleanupRefusal } from "../../src/migration/cleanup-actor.ts";
import { DEFER_REASONS, REJECT_REASONS, SKIP_REASONS } from "../../src/migration/outcome.ts";
import { testActor } from "../support/v1-actors.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const FOLDER = `${ROOT}docs/runbooks/`;
const ALERTS = `${ROOT}helm/ferry/alerts/alerts.yaml`;

/** What is said of actors after their migration, and needs more than a line of help. */
const LATER = ["v1_changed"] as const satisfies readonly CleanupRefusal[];
const reasons = [...REJECT_REASONS, ...SKIP_REASONS, ...DEFER_REASONS, ...LATER, "failed"];
const SECTIONS = ["What it means", "How it comes about", "What to look at", "What to do", "What not to do"];

function sectionsOf(page: string): Map<string, string> {
  const parts = page.split(/^## /m).slice(1);
  return new Map(parts.map((part) => [part.slice(0, part.indexOf("\n")), part.slice(part.indexOf("\n")).trim()]));
}

describe("runbooks", () => {
  for (const reason of reasons) {
    it(`have a page about ${reason}, with every section filled`, () => {
      const file = `${FOLDER}${reason}.md`;
      expect(existsSync(file), `docs/runbooks/${reason}.md is missing`).to.equal(true);
      const sections = sectionsOf(readFileSync(file, "utf8"));
      expect([...sections.keys()]).to.deep.equal(SECTIONS);
      for (const [title, text] of sections) {
        expect(text.length, title).to.be.greaterThan(20);
      }
      expect(sections.get("What to look at"), "a command with its output").to.match(/```\w*\n\$ ferry /);
    });
  }

  it("have a page for every alert, and alerts name pages that exist", () => {
    const text = readFileSync(ALERTS, "utf8");
    const alerts = [...text.matchAll(/alert: Ferry(\w+)/g)].map(([, name = ""]) => name);
    expect(alerts).to.not.deep.equal([]);
    for (const alert of alerts) {
      const page = `alert-${alert.replace(/(?<=[a-z])(?=[A-Z])/g, "-").toLowerCase()}.md`;
      expect(existsSync(FOLDER + page), `docs/runbooks/${page} is missing`).to.equal(true);
    }
  });

  it("are about reasons that exist", () => {
    const known = new Set(reasons);
    const pages = readdirSync(FOLDER).filter((name) => name.endsWith(".md") && !name.startsWith("alert-"));
    expect(
      pages.map((name) => name.slice(0, -3)).filter((name) => name !== "README" && !known.has(name)),
    ).to.deep.equal([]);
  });

  it("are named by every rejection, with something that can be done", () => {
    for (const reason of REJECT_REASONS) {
      const outcome = { actorId: testActor(1).id, state: "rejected", reason, attempts: 1, finishedAt: "" } as const;
      expect(runbookOf(outcome)).to.equal(`docs/runbooks/${reason}.md`);
      expect(adviceFor(outcome).join(), reason).to.not.equal("");
    }
    const failed = {
      actorId: testActor(1).id,
      state: "failed",
      reason: "worker_lost",
      attempts: 1,
      finishedAt: "",
    } as const;
    expect(runbookOf(failed)).to.equal("docs/runbooks/failed.md");
  });

  it("of Depot's own rejections name the target, unless a campaign has it", () => {
    const depots = REJECT_REASONS.filter((reason) =>
      readFileSync(`${FOLDER}${reason}.md`, "utf8").includes("\nRejected, target Depot."),
    );
    expect(depots).to.have.length(6);
    for (const reason of REJECT_REASONS) {
      const outcome = { actorId: testActor(1).id, state: "rejected", reason, attempts: 1, finishedAt: "" } as const;
      const commands = adviceFor(outcome).filter((line) => line.includes("ferry requeue"));
      const named = commands.filter((line) => line.includes("--target depot"));
      expect(named, reason).to.deep.equal(depots.includes(reason) ? commands : []);
      expect(adviceFor({ ...outcome, campaign: "spring" }).join(), reason).not.to.match(/requeue \S+ --target depot/);
    }
    const failed = { actorId: testActor(1).id, state: "failed", reason: "usage", attempts: 1, finishedAt: "" } as const;
    expect(adviceFor(failed).join()).to.contain("as the detail says");
  });

  it("say plainly that a header is less than a check of the pages", () => {
    const page = readFileSync(`${FOLDER}integrity_check_failed.md`, "utf8");
    expect(page)
      .to.match(/header check is weaker/i)
      .and.to.include("docs/checks.md");
    expect(existsSync(`${ROOT}docs/checks.md`)).to.equal(true);
  });
});
