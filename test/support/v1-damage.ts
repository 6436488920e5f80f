import type { SeededRandom } from "./reference-random.ts";
import { u32 } from "./reference.ts";
import { entryRows, fileRows, kvSubspace, PAGE, sqliteHeader, TAG, type Row, type TestActor } from "./v1-actors.ts";

/* v1 actors that a seed makes, and damages: bytes flipped, values cut, rows repeated, swapped and gone. */

/** A small actor of any shape, right in itself. */
function anyActor(actor: TestActor, random: SeededRandom): Row[] {
  const pages = random.below(5);
  const image = random.bytes(pages * PAGE);
  image.set(sqliteHeader(pages).subarray(0, Math.min(100, image.length)));
  const holes = pages > 2 && random.chance(0.4) ? freeLeaves(image, random) : [];
  const rows = fileRows(actor, TAG.main, image, holes);
  if (random.chance(0.3)) {
    rows.push(...fileRows(actor, TAG.journal, new Uint8Array(0)));
  }
  if (random.chance(0.2)) {
    rows.push(...entryRows(actor, random.bytes(1 + random.below(6)), random.bytes(random.below(12_000))));
  }
  return rows;
}

/** Makes page 2 a trunk of the freelist and all behind it its leaves; gives the indices of some, which are zeros then. */
function freeLeaves(image: Uint8Array, random: SeededRandom): number[] {
  const pages = image.length / PAGE;
  const leaves = Array.from({ length: pages - 2 }, (_, index) => index + 3);
  image.set([...u32(2), ...u32(1 + leaves.length)], 32);
  image.set(
    [0, leaves.length, ...leaves].flatMap((number) => [...u32(number)]),
    PAGE,
  );
  const holes = leaves.filter(() => random.chance(0.5)).map((pageNumber) => pageNumber - 1);
  holes.forEach((index) => image.fill(0, index * PAGE, (index + 1) * PAGE));
  return holes;
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
  // Page size, versions and page count: twenty bytes that readers judge by.
  "flip a bit of the header": (rows, random) =>
    rows.map(({ key, value }) => {
      const isHeader = Buffer.from(value.subarray(0, 6)).toString("latin1") === "SQLite";
      const head = isHeader ? flipped(value.subarray(0, 36), 16, random) : value.subarray(0, 36);
      return { key, value: Uint8Array.from([...head, ...value.subarray(36)]) };
    }),
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

/** The rows of an actor after one or two accidents, and what these were. */
export function damagedActor(actor: TestActor, random: SeededRandom): { rows: Row[]; accidents: string } {
  let rows = anyActor(actor, random);
  const names: string[] = [];
  for (let count = 1 + random.below(2); count > 0 && rows.length > 0; count -= 1) {
    const name = random.pick(Object.keys(MUTATIONS));
    names.push(name);
    rows = MUTATIONS[name]?.(rows, random, actor) ?? rows;
  }
  return { rows, accidents: names.join(", ") };
}
