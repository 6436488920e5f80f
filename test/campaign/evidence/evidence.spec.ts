import { createHash } from "node:crypto";
import { expect } from "chai";
import { collectEvidence } from "../../../src/campaign/evidence/evidence.ts";
import { EvidenceReader, type EvidenceSummary } from "../../../src/campaign/evidence/evidence-reader.ts";
import { describeBundle } from "../../../src/cli/inspect/bundle-inspection.ts";
import { FormatError } from "../../../src/formats/format-error.ts";
import { encodeJournalHeader } from "../../../src/formats/journal.ts";
import { bucketRows, BUCKET_BRANCH, NAMESPACE_ID, POOL_ROW, sleepingActor } from "../../support/depot-world.ts";
import { MemoryStore } from "../../support/memory-store.ts";
import { attempt, TestClock } from "../../support/reference-attempt.ts";
import {
  brokenActors,
  bytesOf,
  fileRows,
  PAGE,
  syntheticImage,
  TAG,
  testActor,
  v1Rows,
} from "../../support/v1-actors.ts";

const actor = testActor(7);
const image = syntheticImage(4, "random");
const header = { recordCount: 3, nonce: 9, initialPages: 4, sectorSize: 512, pageSize: 4096 };
const journal = bytesOf(encodeJournalHeader(header), new Uint8Array(PAGE).fill(0x55));

describe("evidence bundles of rejected actors", () => {
  let store: MemoryStore;

  beforeEach(async () => {
    store = new MemoryStore();
    store.load([...v1Rows(actor, image), ...fileRows(actor, TAG.journal, journal)]);
    await attempt(store, actor, new TestClock());
  });

  async function collect(includePages = false): Promise<string[]> {
    const lines: string[] = [];
    const options = {
      includePages,
      versions: { ferry: "1.2.3" },
      nowMs: Date.parse("2026-01-02T03:04:05.000Z"),
      signal: new AbortController().signal,
    };
    for await (const line of collectEvidence(store, actor.id, options)) {
      lines.push(line);
    }
    return lines;
  }

  function read(lines: readonly string[]): EvidenceSummary {
    const reader = new EvidenceReader();
    for (const line of lines) {
      reader.push(line);
    }
    return reader.end();
  }

  interface Bundle {
    head: Record<string, unknown>;
    rows: {
      kind: string;
      part: string;
      file?: string;
      index?: number;
      bytes: number;
      sha256: string;
      value?: string;
    }[];
    tail: { files: Record<string, Record<string, unknown>>; rows: number; writers: unknown };
  }

  const parse = (lines: readonly string[]): Bundle => JSON.parse(lines.join("\n")) as Bundle;

  it("are one JSON document with the outcome, every row, and what the headers say", async () => {
    const { head, rows, tail } = parse(await collect());
    expect(head).to.deep.include({ actorId: actor.id, versions: { ferry: "1.2.3" }, asleep: true });
    expect(head).to.have.nested.property("outcome.reason", "journal_present");
    expect(tail.rows).to.equal(rows.length);
    expect(tail.files["main"]).to.deep.include({ bytes: image.length, chunks: 4, expectedChunks: 4, missing: [] });
    expect(tail.files["main"]).to.have.nested.property("header.pageBytes", 4096);
    expect(tail.files["main"]?.["start"]).to.equal(Buffer.from(image.subarray(0, 100)).toString("hex"));
    expect(tail.files["journal"]).to.deep.include({ header: { ...header, validSizes: true } });
    expect(tail.writers).to.deep.equal({ "2.1.0": rows.length / 2 });
  });

  it("have what Depot holds where Depot is in use, and no word of it elsewhere", async () => {
    expect(parse(await collect()).head).to.not.have.property("depot");
    store.load([...sleepingActor(actor), POOL_ROW, ...bucketRows(BUCKET_BRANCH)]);
    const lines = await collect();
    expect(parse(lines).head).to.have.nested.include({ "depot.namespace": NAMESPACE_ID, "depot.bucket": "live" });
    expect(describeBundle(read(lines))).to.match(/^depot bucket +live$/m);
  });

  it("have the SHA-256 of every page and no page's content, unless that is asked for", async () => {
    const lines = await collect();
    const pages = parse(lines).rows.filter(
      (row) => row.file === "main" && row.kind === "chunk" && row.part === "value",
    );
    expect(pages.map(({ sha256 }) => sha256)).to.deep.equal(
      [0, 1, 2, 3].map((n) =>
        createHash("sha256")
          .update(image.subarray(n * PAGE, (n + 1) * PAGE))
          .digest("hex"),
      ),
    );
    expect(pages.some((row) => "value" in row)).to.equal(false);
    const content = Buffer.from(image.subarray(PAGE, 2 * PAGE));
    expect(lines.join("")).to.not.include(content.toString("base64").slice(40, 80));
    expect(lines.join("")).to.not.include(content.toString("hex").slice(40, 80));
    const full = parse(await collect(true)).rows.find((row) => row.index === 1 && row.part === "value");
    expect(full?.value).to.equal(content.toString("base64"));
  });

  it("name what is missing, too much and too long for every way an actor can be broken", async () => {
    for (const { title, rows } of brokenActors(actor, image)) {
      store = new MemoryStore();
      store.load(rows);
      const summary = read(await collect());
      expect(describeBundle(summary), title).to.include(actor.id);
    }
    store = new MemoryStore();
    const broken = brokenActors(actor, image).find(({ title }) => title === "a chunk in the middle missing");
    store.load(broken?.rows ?? []);
    expect(parse(await collect()).tail.files["main"]).to.deep.include({ missing: ["1"], chunks: 3 });
  });

  it("are read back whole", async () => {
    for (const lines of [await collect(), await collect(true)]) {
      const { head, tail } = read([...lines, ""]);
      expect(head).to.deep.equal(parse(lines).head);
      expect(tail).to.deep.equal(parse(lines).tail);
    }
  });

  it("are refused with one sentence when cut off anywhere", async () => {
    const lines = await collect();
    for (let count = 0; count < lines.length; count += 1) {
      expect(() => read(lines.slice(0, count)), String(count)).to.throw(FormatError, /bundle/);
    }
    const text = lines.join("\n");
    for (let end = 1; end < text.length; end += 97) {
      expect(() => read(text.slice(0, end).split("\n")), String(end)).to.throw(FormatError);
    }
  });

  it("are refused when any byte is another, a line is gone, or a line is there twice", async () => {
    const lines = await collect(true);
    const text = Buffer.from(lines.join("\n"));
    for (let at = 0; at < text.length; at += 53) {
      const edited = Buffer.from(text);
      edited[at] = (edited[at] ?? 0) ^ 0x01;
      expect(() => read(edited.toString("latin1").split("\n")), `byte ${at}`).to.throw(FormatError);
    }
    for (let at = 0; at < lines.length; at += 1) {
      expect(() => read(lines.toSpliced(at, 1)), `line ${at} gone`).to.throw(FormatError);
      expect(() => read(lines.toSpliced(at, 0, lines[at] ?? "")), `line ${at} twice`).to.throw(FormatError);
    }
  });

  it("are refused when they are something else, or of a later version", async () => {
    expect(() => read(["{}"])).to.throw(FormatError, /no evidence bundle/);
    expect(() => read(['{"head":{"format":"other"},'])).to.throw(FormatError, /no evidence bundle/);
    const [head = "", ...rest] = await collect();
    expect(() => read([head.replace('"version":1', '"version":2'), ...rest])).to.throw(FormatError, /upgrade/);
  });

  it("show nothing that a terminal would take for a command", () => {
    const text = describeBundle({ head: { actorId: "a\u001b[2Jb", list: [null, 1] }, tail: {} });
    expect(text)
      .to.match(/^actorId +a·\[2Jb$/m)
      .and.to.match(/^list 0 +null$/m);
  });
});
