import { expect } from "chai";
import { LAYOUTS } from "../../src/migration/outcome.ts";
import { MemoryStore } from "../support/memory-store.ts";
import { attempt, LONG, STAGED, TestClock, withoutLedger } from "../support/reference-attempt.ts";
import { SeededRandom } from "../support/reference-random.ts";
import { expectedOfV1, firstDifference, leaseRows, readMigrated } from "../support/reference.ts";
import {
  entryRows,
  fileRows,
  kvSubspace,
  PAGE,
  sqliteHeader,
  TAG,
  testActor,
  v1Rows,
  type Row,
  type TestActor,
} from "../support/v1-actors.ts";

/*
 * Whole v1 actors with bytes flipped, values cut, rows repeated, swapped and gone. The reference says what each is: an image or one of
 * these reasons. Ferry says the same, and writes the image or nothing.
 */

const ACTOR = testActor(71);

/** A small actor of any shape, right in itself. */
function anyActor(random: SeededRandom): Row[] {
  const pages = random.below(5);
  const image = random.bytes(pages * PAGE);
  image.set(sqliteHeader(pages).subarray(0, Math.min(100, image.length)));
  const rows = v1Rows(ACTOR, image);
  if (random.chance(0.3)) {
    rows.push(...fileRows(ACTOR, TAG.journal, new Uint8Array(0)));
  }
  if (random.chance(0.2)) {
    rows.push(...entryRows(ACTOR, random.bytes(1 + random.below(6)), random.bytes(random.below(12_000))));
  }
  return rows;
}

function flipped(bytes: Uint8Array, from: number, random: SeededRandom): Uint8Array {
  if (bytes.length <= from) {
    return bytes;
  }
  const at = from + random.below(bytes.length - from);
  return bytes.map((byte, index) => (index === at ? byte ^ (1 << random.below(8)) : byte));
}

type Mutation = (rows: Row[], random: SeededRandom, actor: TestActor) => Row[];

/** Every mutation keeps keys within the actor's own key-value space: what lies elsewhere is not its business. */
const MUTATIONS: Readonly<Record<string, Mutation>> = {
  "flip a bit of a key": (rows, random, actor) =>
    edited(rows, random, ({ key, value }) => ({ key: flipped(key, kvSubspace(actor).length, random), value })),
  "flip a bit of a value": (rows, random) =>
    edited(rows, random, ({ key, value }) => ({ key, value: flipped(value, 0, random) })),
  // Metadata and header are few bytes among many, and all that counts.
  "flip a bit of the first values": (rows, random) => {
    const at = random.below(Math.min(4, rows.length));
    return rows.map((row, index) =>
      index === at ? { key: row.key, value: flipped(row.value.subarray(0, 20), 0, random) } : row,
    );
  },
  "cut a value": (rows, random) =>
    edited(rows, random, ({ key, value }) => ({ key, value: value.slice(0, random.below(value.length + 1)) })),
  "lengthen a value": (rows, random) =>
    edited(rows, random, ({ key, value }) => ({
      key,
      value: Uint8Array.from([...value, ...random.bytes(1 + random.below(9))]),
    })),
  "cut a key": (rows, random, actor) =>
    edited(rows, random, ({ key, value }) => {
      const least = kvSubspace(actor).length;
      return { key: key.slice(0, least + random.below(key.length - least)), value };
    }),
  "lengthen a key": (rows, random) =>
    edited(rows, random, ({ key, value }) => ({ key: Uint8Array.from([...key, random.below(256)]), value })),
  "drop a row": (rows, random) => rows.filter((_, index, { length }) => length === 0 || index !== random.below(length)),
  "repeat a row under another's key": (rows, random) => {
    const { value } = random.pick(rows);
    return edited(rows, random, ({ key }) => ({ key, value }));
  },
  "repeat a row under a flipped key": (rows, random, actor) => {
    const { key, value } = random.pick(rows);
    return [...rows, { key: flipped(key, kvSubspace(actor).length, random), value }];
  },
  "swap two rows' values": (rows, random) => {
    const a = random.below(rows.length);
    const b = random.below(rows.length);
    return rows.map((row, index) => {
      const value = (index === a ? rows[b] : index === b ? rows[a] : row)?.value ?? row.value;
      return { key: row.key, value };
    });
  },
  nothing: (rows) => rows,
};

function edited(rows: Row[], random: SeededRandom, edit: (row: Row) => Row): Row[] {
  const at = random.below(rows.length);
  return rows.map((row, index) => (index === at ? edit(row) : row));
}

async function runSeed(seed: number): Promise<string> {
  const random = new SeededRandom(seed);
  let rows = anyActor(random);
  const names: string[] = [];
  for (let count = 1 + random.below(2); count > 0 && rows.length > 0; count -= 1) {
    const name = random.pick(Object.keys(MUTATIONS));
    names.push(name);
    rows = MUTATIONS[name]?.(rows, random, ACTOR) ?? rows;
  }
  const store = new MemoryStore({ batchRows: 1 + random.below(5) });
  store.load(rows);
  const before = store.dump();
  const expected = expectedOfV1(ACTOR, before);
  const layout = random.pick(LAYOUTS);
  const options = random.chance(0.5) ? STAGED : {};
  const where = `seed ${seed}: ${names.join(", ")}; expected ${expected.kind}`;
  const outcome = await attempt(store, ACTOR, new TestClock(), { layout, ...options }).catch((cause: unknown) => {
    throw new Error(where, { cause });
  });
  const after = store.dump();
  expect(store.openTransactions, where).to.equal(0);
  expect(leaseRows(after), where).to.deep.equal([]);
  switch (expected.kind) {
    case "image":
      expect(outcome.state, `${where}: ${outcome.reason ?? ""} ${outcome.detail ?? ""}`).to.equal("migrated");
      expect(firstDifference(readMigrated(ACTOR, after, layout).image, expected.image), where).to.equal(undefined);
      break;
    case "rejected":
      expect(outcome.state, `${where} ${expected.reasons.join()}`).to.equal("rejected");
      expect(expected.reasons, where).to.include(outcome.reason);
      expect(withoutLedger(after), where).to.deep.equal(withoutLedger(before));
      break;
    case "none":
      expect(outcome.reason, where).to.equal("no_v1_data");
      expect(withoutLedger(after), where).to.deep.equal(withoutLedger(before));
      break;
  }
  return outcome.reason ?? outcome.state;
}

describe("a v1 actor with damaged rows", () => {
  const seeds = LONG ? 50_000 : 600;
  // eslint-disable-next-line n/no-process-env -- how a failed run is repeated
  const first = Number(process.env["FERRY_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 30));

  it(`is rejected for what is wrong, or its image is right (${seeds} seeds from ${first})`, async function () {
    this.timeout(LONG ? 3_600_000 : 120_000);
    const seen = new Map<string, number>();
    for (let seed = first; seed < first + seeds; seed += 1) {
      const ending = await runSeed(seed);
      seen.set(ending, (seen.get(ending) ?? 0) + 1);
    }
    const often = ["migrated", "entry_corrupt", "chunk_missing", "magic_mismatch", "meta_invalid"];
    for (const ending of often) {
      expect(seen.get(ending) ?? 0, `${ending} of ${JSON.stringify([...seen])}`).to.be.above(0);
    }
  });
});
