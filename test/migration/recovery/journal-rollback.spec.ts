import { expect } from "chai";
import { concatBytes, equalBytes, u32be } from "../../../src/formats/bytes.ts";
import { RECORD_COUNT_FROM_SIZE, encodeSuperJournalTrailer } from "../../../src/formats/journal.ts";
import { MemorySource, type ByteSource } from "../../../src/migration/recovery/byte-source.ts";
import type { HotJournalPlan, JournalPlan } from "../../../src/migration/recovery/journal-plan.ts";
import { planJournalRollback, type JournalOptions } from "../../../src/migration/recovery/journal-rollback.ts";
import { RecoveredImage } from "../../../src/migration/recovery/recovered-image.ts";
import { imageOf, journalOf } from "./built-journal.ts";
import { resized, written } from "./edited-bytes.ts";
import { withField } from "./journal-damage.ts";

const MAIN = imageOf(1, 2, 3, 4);

describe("migration/recovery/journal-rollback", () => {
  it("leaves the main file alone without a hot journal", async () => {
    const journal = journalOf(4, { records: [[1, 9]] });
    const shorter = resized(journal, 500);
    expect((await planJournalRollback(undefined, new MemorySource(MAIN))).state).to.equal("absent");
    expect((await planned(new Uint8Array(0))).state).to.equal("empty");
    expect((await planned(written(journal, 0, new Uint8Array(1)))).state).to.equal("zeroed");
    expect((await planned(written(journal, 1, new Uint8Array(1)))).state).to.equal("invalid_header");
    expect((await planned(shorter)).state).to.equal("invalid_header");
    expect((await planned(journal, new Uint8Array(0))).state).to.equal("main_empty");
  });

  it("takes a short journal for hot only if the storage's sectors are that short", async () => {
    const journal = resized(journalOf(4, { records: [[1, 9]] }), 3000);
    expect((await planned(journal)).state).to.equal("hot");
    expect((await planned(journal, MAIN, { sectorSize: 4096 })).state).to.equal("invalid_header");
  });

  it("puts pages back and cuts the file to its first size", async () => {
    const plan = await hot(
      journalOf(3, {
        records: [
          [3, 33],
          [1, 11],
        ],
      }),
      MAIN,
    );
    expect(facts(plan)).to.deep.equal({
      played: 2,
      skipped: 0,
      restored: 2,
      dropped: 1,
      segments: 1,
      end: "no_further_segment",
    });
    expect(plan.mainBytes).to.equal(3 * 512);
    await expectImage(plan, imageOf(11, 2, 33));
  });

  it("extends a shorter file with zeros", async () => {
    const plan = await hot(journalOf(6, { records: [[2, 22]] }), MAIN);
    expect(facts(plan)).to.include({ dropped: 0 });
    await expectImage(plan, imageOf(1, 22, 3, 4, 0, 0));
  });

  it("leaves a partial last page partial, as SQLite does, unless it is restored", async () => {
    const main = resized(MAIN, 3 * 512 + 100);
    const plan = await hot(journalOf(4, { records: [[1, 11]] }), main);
    await expectImage(plan, written(main, 0, imageOf(11)));
    expect(plan.imagePages).to.equal(4);
    await expectImage(await hot(journalOf(4, { records: [[4, 44]] }), main), imageOf(1, 2, 3, 44));
    const lastFirst = journalOf(4, {
      records: [
        [4, 44],
        [1, 11],
      ],
    });
    await expectImage(await hot(lastFirst, main), imageOf(11, 2, 3, 44));
    expect(facts(await hot(journalOf(3, { records: [] }), main)), "what is cut off of it").to.include({ dropped: 1 });
  });

  it("lets the later of two records of a page win", async () => {
    const plan = await hot(
      journalOf(
        4,
        {
          records: [
            [2, 22],
            [2, 23],
          ],
        },
        {
          records: [
            [3, 33],
            [2, 24],
          ],
        },
      ),
      MAIN,
    );
    expect(facts(plan)).to.deep.include({ played: 4, restored: 2, segments: 2 });
    await expectImage(plan, imageOf(1, 24, 33, 4));
  });

  it("goes on behind a segment of no records, and stops where no further header is", async () => {
    const plan = await hot(journalOf(4, { records: [] }, { records: [[1, 11]] }), MAIN);
    expect(facts(plan)).to.deep.include({ played: 1, segments: 2, end: "no_further_segment" });
    const unsynced = await hot(journalOf(2, { records: [[1, 11]], header: { recordCount: 0 } }), MAIN);
    expect(facts(unsynced)).to.deep.include({ played: 0, dropped: 2, segments: 1 });
    await expectImage(unsynced, imageOf(1, 2));
    const twoSegments = journalOf(4, { records: [[2, 22]] }, { records: [[1, 11]] });
    const cutInHeader = await hot(resized(twoSegments, 1536 + 511), MAIN);
    expect(facts(cutInHeader)).to.deep.include({ played: 1, segments: 1, end: "no_further_segment" });
  });

  it("takes its sizes from the first header alone: a later one has but its own count and nonce", async () => {
    const journal = journalOf(
      3,
      {
        records: [
          [3, 33],
          [1, 11],
        ],
      },
      {
        records: [
          [4, 44],
          [2, 22],
        ],
      },
    );
    const second = 2048;
    const otherSizes = concatBytes(u32be(9), u32be(32), u32be(1024));
    const plan = await hot(written(journal, second + 16, otherSizes), MAIN);
    expect(facts(plan)).to.deep.include({ played: 3, skipped: 1, segments: 2, end: "no_further_segment" });
    await expectImage(plan, imageOf(11, 22, 33));
  });

  it("puts segments and their records at the borders of the sectors that the first header names", async () => {
    for (const sectorSize of [32, 1024, 4096]) {
      const header = { sectorSize };
      const plan = await hot(journalOf(4, { records: [[1, 11]], header }, { records: [[2, 22]], header }), MAIN);
      expect(facts(plan), String(sectorSize)).to.deep.include({ played: 2, segments: 2, end: "no_further_segment" });
      await expectImage(plan, imageOf(11, 22, 3, 4));
    }
  });

  it("counts records from the size when the header says so", async () => {
    const records = [
      [1, 11],
      [2, 22],
    ] as const;
    const plan = await hot(journalOf(4, { records, header: { recordCount: RECORD_COUNT_FROM_SIZE } }), MAIN);
    expect(facts(plan)).to.deep.include({ played: 2, end: "no_further_segment" });
    const inLargeSector = journalOf(4, { records, header: { recordCount: RECORD_COUNT_FROM_SIZE, sectorSize: 1024 } });
    const withRest = await hot(resized(inLargeSector, inLargeSector.length + 100), MAIN);
    expect(facts(withRest), "whole ones").to.deep.include({ played: 2, end: "no_further_segment" });
    const later = journalOf(4, { records }, { records: [[3, 33]], header: { recordCount: RECORD_COUNT_FROM_SIZE } });
    expect(facts(await hot(later, MAIN)), "of the whole file").to.deep.include({ played: 3, end: "record_cut_off" });
  });

  it("stops at a wrong checksum, a page number that cannot be, and a record cut off", async () => {
    const journal = journalOf(4, {
      records: [
        [1, 11],
        [2, 22],
        [3, 33],
      ],
    });
    const second = 512 + 520;
    const stops = [
      { journal: written(journal, second + 4 + 112, Uint8Array.of(1)), end: "checksum_mismatch" },
      { journal: written(journal, second, new Uint8Array(4)), end: "page_number_invalid" },
      { journal: written(journal, second, Uint8Array.of(0, 0x20, 0, 1)), end: "page_number_invalid" },
      { journal: resized(journal, second + 519), end: "record_cut_off" },
      { journal: resized(journal, second + 3), end: "record_cut_off" },
    ];
    for (const stop of stops) {
      const plan = await hot(stop.journal, MAIN);
      expect(facts(plan)).to.deep.include({ played: 1, end: stop.end });
      await expectImage(plan, imageOf(11, 2, 3, 4));
    }
  });

  it("passes over pages past the first size without a look at their checksums", async () => {
    const journal = journalOf(2, {
      records: [
        [1, 11],
        [3, 33],
        [2, 22],
      ],
    });
    const plan = await hot(written(journal, 512 + 520 + 4 + 112, Uint8Array.of(1)), MAIN);
    expect(facts(plan)).to.deep.include({ played: 2, skipped: 1 });
    await expectImage(plan, imageOf(11, 22));
    const journalCut = journalOf(2, {
      records: [
        [1, 11],
        [3, 33],
      ],
    });
    const cut = await hot(resized(journalCut, journalCut.length - 4), MAIN);
    expect(facts(cut)).to.deep.include({ played: 1, skipped: 1, end: "no_further_segment" });
    const cutInPage = await hot(resized(journalCut, journalCut.length - 5), MAIN);
    expect(facts(cutInPage)).to.deep.include({ played: 1, skipped: 0, end: "record_cut_off" });
  });

  it("takes the page size of the main file when the header says 0, and 4096 when that one cannot be", async () => {
    const journal = withField(journalOf(4, { records: [[1, 11]] }), "pageSize", 0)?.journal ?? new Uint8Array(0);
    const named = written(MAIN, 16, Uint8Array.of(2, 0));
    expect((await hot(journal, named)).header.pageSize).to.equal(512);
    expect((await hot(journal, written(MAIN, 16, Uint8Array.of(0, 3)))).header.pageSize).to.equal(4096);
  });

  it("discards the journal of a commit whose super-journal is gone, and plays it when that exists", async () => {
    const journal = concatBytes(journalOf(4, { records: [[1, 11]] }), encodeSuperJournalTrailer("/x-mj1", 512));
    expect(await planned(journal)).to.deep.equal({ state: "super_journal_missing", superJournal: "/x-mj1" });
    const plan = await planned(journal, MAIN, { superJournalExists: (name) => name === "/x-mj1" });
    expect(plan).to.include({ state: "hot", superJournal: "/x-mj1", recordsPlayed: 1 });
  });

  it("takes for a super-journal's name what is up to 512 bytes long, as SQLite does on Linux", async () => {
    const named = (bytes: number): Uint8Array =>
      concatBytes(journalOf(4, { records: [[1, 11]] }), encodeSuperJournalTrailer("/".repeat(bytes), 512));
    expect((await planned(named(512))).state).to.equal("super_journal_missing");
    expect((await planned(named(513))).state).to.equal("hot");
    expect((await planned(named(513), MAIN, { maxSuperNameBytes: 513 })).state).to.equal("super_journal_missing");
  });

  it("refuses an image over the limit before it reads a record", async () => {
    const journal = new MemorySource(journalOf(0xffff_ffff, { records: [[1, 11]] }));
    const plan = await planJournalRollback(journal, new MemorySource(MAIN));
    expect(plan).to.include({ state: "too_large", imageBytes: 0xffff_ffff * 512 });
    expect(await planned(journalOf(20 * 2 ** 20, { records: [] }))).to.include({
      imageBytes: 10 * 2 ** 30,
      state: "hot",
    });
    expect(await planned(journalOf(20 * 2 ** 20 + 1, { records: [] }))).to.include({ state: "too_large" });
    expect(await planned(journalOf(8, { records: [] }), MAIN, { maxImageBytes: 8 * 512 })).to.include({ state: "hot" });
    expect(await planned(journalOf(9, { records: [] }), MAIN, { maxImageBytes: 8 * 512 })).to.include({
      state: "too_large",
    });
  });

  it("holds one block of a large journal in memory", async () => {
    const journal = new RepeatedJournal(60_000);
    const plan = await hot(journal, new MemorySource(MAIN));
    expect(plan.recordsPlayed).to.equal(60_000);
    expect(journal.size).to.be.greaterThan(30_000_000);
    expect(journal.largestRead).to.be.lessThanOrEqual(2 ** 20);
  });
});

/** A journal of one record over and over, never in memory as a whole. */
class RepeatedJournal implements ByteSource {
  readonly size: number;
  largestRead = 0;
  readonly #start: Uint8Array;

  constructor(records: number) {
    this.#start = journalOf(4, { records: [[2, 22]], header: { recordCount: records } });
    this.size = 512 + records * 520;
  }

  read(offset: number, length: number): Promise<Uint8Array> {
    this.largestRead = Math.max(this.largestRead, length);
    const bytes = new Uint8Array(Math.min(length, this.size - offset));
    for (let at = 0; at < bytes.length;) {
      const position = offset + at;
      const from = position < 512 ? position : 512 + ((position - 512) % 520);
      const piece = this.#start.subarray(from, Math.min(this.#start.length, from + bytes.length - at));
      bytes.set(piece, at);
      at += piece.length;
    }
    return Promise.resolve(bytes);
  }
}

function planned(journal: Uint8Array, main: Uint8Array = MAIN, options: JournalOptions = {}): Promise<JournalPlan> {
  return planJournalRollback(new MemorySource(journal), new MemorySource(main), options);
}

interface Hot extends HotJournalPlan {
  readonly image: RecoveredImage;
}

async function hot(journal: Uint8Array | ByteSource, main: Uint8Array | ByteSource): Promise<Hot> {
  const sources = [journal, main].map((bytes) => (bytes instanceof Uint8Array ? new MemorySource(bytes) : bytes));
  const [journalSource, mainSource] = sources as [ByteSource, ByteSource];
  const plan = await planJournalRollback(journalSource, mainSource);
  if (plan.state !== "hot") {
    throw new Error(`the journal is ${plan.state}`);
  }
  return { ...plan, image: new RecoveredImage(mainSource, journalSource, plan) };
}

async function expectImage(plan: Hot, expected: Uint8Array): Promise<void> {
  const image = await plan.image.read(0, plan.image.size);
  expect(plan.imageBytes).to.equal(expected.length);
  expect(equalBytes(image, expected), "image").to.equal(true);
}

function facts(plan: HotJournalPlan): Record<string, number | string> {
  return {
    played: plan.recordsPlayed,
    skipped: plan.recordsSkipped,
    restored: plan.pagesRestored,
    dropped: plan.pagesDropped,
    segments: plan.segments,
    end: plan.end,
  };
}
