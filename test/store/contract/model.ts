import { expect } from "chai";
import fc from "fast-check";
import type { Transaction } from "../../../src/store/store.ts";
import type { MakeStore } from "../../support/stores.ts";
import { bytes, type Corner, text, withCorner } from "./harness.ts";

/** Rows by name, sorted when read: all a store is to one client at a time. */
type Model = Map<string, string>;

type Step =
  | { readonly op: "set"; readonly name: string; readonly value: string }
  | { readonly op: "clear"; readonly name: string }
  | { readonly op: "clearRange"; readonly begin: string; readonly end: string }
  | { readonly op: "add"; readonly name: string; readonly delta: bigint }
  | { readonly op: "get"; readonly name: string }
  | {
      readonly op: "getRange";
      readonly begin: string;
      readonly end: string;
      readonly limit: number;
      readonly reverse: boolean;
    };

/** Few names, so that steps meet; some longer than the embedded engine's own keys can be, with long prefixes in common. */
const NAMES = ["", "a", "a\0", "a\xff", "b", "ba", "c", "d", "x"]
  .concat([1_870, 1_871, 1_872, 1_900, 3_000].map((length) => "b".repeat(length)))
  .concat(["b".repeat(2_500) + "a", "b".repeat(2_500) + "c"]);

const name = fc.constantFrom(...NAMES);
const bounds = fc.tuple(name, name).map(([one, other]) => (one < other ? [one, other] : [other, one]));
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ op: fc.constant("set" as const), name, value: fc.string({ unit: "binary-ascii" }) }),
  },
  fc.record({ op: fc.constant("clear" as const), name }),
  bounds.map(([begin = "", end = ""]) => ({ op: "clearRange" as const, begin, end })),
  fc.record({ op: fc.constant("add" as const), name, delta: fc.bigInt({ min: -3n, max: 2n ** 62n }) }),
  fc.record({ op: fc.constant("get" as const), name }),
  {
    weight: 2,
    arbitrary: fc
      .tuple(bounds, fc.constantFrom(1, 2, 3, 100), fc.boolean())
      .map(([[begin = "", end = ""], limit, reverse]) => ({ op: "getRange" as const, begin, end, limit, reverse })),
  },
);

/** Any number of transactions, each of which commits or throws, behave as the model does. */
export function describeModel(makeStore: MakeStore): void {
  describe("any sequence of transactions", () => {
    withCorner(makeStore, (corner) => {
      it("does what a sorted map does", async function () {
        this.timeout(120_000);
        const transaction = fc.record({ steps: fc.array(step, { maxLength: 12 }), isAbandoned: fc.boolean() });
        await fc.assert(
          fc.asyncProperty(fc.array(transaction, { maxLength: 6 }), async (transactions) => {
            await corner().clear();
            let committed: Model = new Map();
            for (const { steps, isAbandoned } of transactions) {
              const model: Model = new Map(committed);
              await runTransaction(corner(), steps, model, isAbandoned);
              committed = isAbandoned ? committed : model;
            }
            expect(await corner().contents()).to.deep.equal(Object.fromEntries(committed));
          }),
          { numRuns: 150 },
        );
      });
    });
  });
}

async function runTransaction(
  corner: Corner,
  steps: readonly Step[],
  model: Model,
  isAbandoned: boolean,
): Promise<void> {
  const abandon = new Error("abandoned");
  try {
    await corner.store.transact(
      async (tx) => {
        for (const each of steps) {
          await runStep(corner, tx, each, model);
        }
        if (isAbandoned) {
          throw abandon;
        }
      },
      { maxAttempts: 1 },
    );
  } catch (error) {
    if (error !== abandon) {
      throw error;
    }
  }
}

async function runStep(corner: Corner, tx: Transaction, each: Step, model: Model): Promise<void> {
  switch (each.op) {
    case "set":
      tx.set(corner.key(each.name), bytes(each.value));
      model.set(each.name, each.value);
      break;
    case "clear":
      tx.clear(corner.key(each.name));
      model.delete(each.name);
      break;
    case "clearRange":
      tx.clearRange(corner.range(each.begin, each.end));
      for (const [key] of rowsOf(model, each.begin, each.end)) {
        model.delete(key);
      }
      break;
    case "add":
      tx.add(corner.key(each.name), each.delta);
      model.set(each.name, sum(model.get(each.name), each.delta));
      break;
    case "get":
      expect(text(await tx.get(corner.key(each.name)))).to.equal(model.get(each.name));
      break;
    case "getRange": {
      const { begin, end, limit, reverse } = each;
      const expected = rowsOf(model, begin, end);
      const found = await corner.rows(tx, corner.range(begin, end), { limit, reverse });
      expect(found).to.deep.equal((reverse ? expected.reverse() : expected).slice(0, limit));
      break;
    }
  }
}

function rowsOf(model: Model, begin: string, end: string): [string, string][] {
  return [...model].filter(([key]) => key >= begin && key < end).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** FoundationDB's ADD of eight bytes, written down apart from the implementation. */
function sum(value: string | undefined, delta: bigint): string {
  const current = Array.from({ length: 8 }, (_, index) => BigInt((value ?? "").padEnd(8, "\0").charCodeAt(index)));
  const total = current.reduceRight((number, byte) => number * 256n + byte, 0n) + delta;
  return Array.from({ length: 8 }, (_, index) => String.fromCharCode(Number((total >> BigInt(8 * index)) & 255n))).join(
    "",
  );
}
