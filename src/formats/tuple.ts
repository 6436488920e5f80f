import { pack, unpack } from "fdb-tuple";
import { concatBytes, toHex } from "./bytes.ts";
import { encodeActorId, type ActorId } from "./actor-id.ts";
import { FormatError } from "./format-error.ts";

/** Key words of the engine, FORMATS §2. */
export const KEYWORD = {
  RIVET: 0,
  PEGBOARD: 3,
  DATA: 4,
  ACTOR: 32,
  METADATA: 44,
  ACTOR_KV: 72,
} as const;

/** The engine's user type code for an actor id in a tuple; 19 raw bytes follow it. */
const ACTOR_ID_TYPE = new Uint8Array([0x40]);

/** FoundationDB's tuple encoding of integers, strings and byte strings. */
export function packTuple(...items: readonly (number | bigint | string | Uint8Array)[]): Uint8Array {
  // `pack` gives a Buffer, and constants made of it should not share memory with anything.
  return Uint8Array.from(pack(items.map((item) => (item instanceof Uint8Array ? Buffer.from(item) : item))));
}

/** The strings and numbers of a packed tuple, or of its rest behind a packed part. @throws FormatError `tuple_invalid` for anything else */
export function unpackTuple(packed: Uint8Array): (string | number)[] {
  const invalid = (cause?: unknown): FormatError =>
    new FormatError("tuple_invalid", "A key is no tuple of strings and numbers.", { key: toHex(packed) }, cause);
  let items: ReturnType<typeof unpack>;
  try {
    items = unpack(Buffer.from(packed));
  } catch (cause) {
    throw invalid(cause);
  }
  return items.map((item) => {
    if (typeof item !== "string" && typeof item !== "number") {
      throw invalid();
    }
    return item;
  });
}

/** The tuple element of an actor id. Tuples are concatenations, so it goes between packed parts. */
export function packActorId(id: ActorId): Uint8Array {
  return concatBytes(ACTOR_ID_TYPE, encodeActorId(id));
}
