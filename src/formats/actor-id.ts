import { FormatError } from "./format-error.ts";
import { toHex } from "./bytes.ts";

/*
 * Actor ids, FORMATS §1.
 *
 *   bytes  version 0x01 | 16 bytes UUIDv4 | label u16 BE (the datacenter)                      19 bytes
 *   text   base 36, lower case, least significant digit first, of the bytes as a little-endian number   30 characters
 */

export const ACTOR_ID_BYTES = 19;
export const ACTOR_ID_CHARACTERS = 30;
const VERSION = 1;

declare const brand: unique symbol;
/** The text of a valid actor id, in lower case. */
export type ActorId = string & { readonly [brand]: "ActorId" };

/** @throws FormatError `actor_id_invalid` with a sentence that says what is wrong. */
export function parseActorId(text: string): ActorId {
  if (text.length !== ACTOR_ID_CHARACTERS) {
    throw invalid(`An actor id has ${ACTOR_ID_CHARACTERS} characters; this one has ${text.length}.`, text);
  }
  if (!/^[0-9a-z]+$/i.test(text)) {
    throw invalid("An actor id consists of digits and the letters a to z only.", text);
  }
  const id = text.toLowerCase();
  let number = 0n;
  for (let index = id.length - 1; index >= 0; index -= 1) {
    number = number * 36n + BigInt(Number.parseInt(id.charAt(index), 36));
  }
  if (number >> BigInt(ACTOR_ID_BYTES * 8) !== 0n) {
    throw invalid("An actor id stands for 19 bytes; this one is too large a number.", text);
  }
  if (Number(number & 0xffn) !== VERSION) {
    throw invalid(`An actor id has version ${VERSION}; this one has version ${Number(number & 0xffn)}.`, text);
  }
  return id as ActorId;
}

/**
 * Ids that were encoded last: an attempt asks for the same one some fifty times, and the arithmetic was 4 % of a small actor. As many as
 * attempts take turns in one process.
 */
const encoded = new Map<ActorId, Uint8Array>();
const ENCODED_IDS = 256;

/** The 19 bytes of an id; not to be changed. */
export function encodeActorId(id: ActorId): Uint8Array {
  let bytes = encoded.get(id);
  if (bytes === undefined) {
    if (encoded.size >= ENCODED_IDS) {
      encoded.clear();
    }
    bytes = toBytes(id);
    encoded.set(id, bytes);
  }
  return bytes;
}

function toBytes(id: ActorId): Uint8Array {
  let number = 0n;
  // Ten base 36 digits fit a double exactly, so three steps of big arithmetic do instead of thirty.
  for (let end = id.length; end > 0; end -= 10) {
    const digits = Array.from(id.slice(end - 10, end))
      .reverse()
      .join("");
    number = number * 3656158440062976n + BigInt(Number.parseInt(digits, 36));
  }
  const bytes = new Uint8Array(ACTOR_ID_BYTES);
  for (let index = 0; index < ACTOR_ID_BYTES; index += 1) {
    bytes[index] = Number(number & 0xffn);
    number >>= 8n;
  }
  return bytes;
}

/** @throws FormatError `actor_id_invalid` for another length or version. */
export function decodeActorId(bytes: Uint8Array): ActorId {
  if (bytes.length !== ACTOR_ID_BYTES) {
    throw invalid(`An actor id has ${ACTOR_ID_BYTES} bytes; this one has ${bytes.length}.`, toHex(bytes));
  }
  if (bytes[0] !== VERSION) {
    throw invalid(`An actor id has version ${VERSION}; this one has version ${bytes[0] ?? 0}.`, toHex(bytes));
  }
  let number = 0n;
  for (let index = ACTOR_ID_BYTES - 1; index >= 0; index -= 1) {
    number = (number << 8n) | BigInt(bytes[index] ?? 0);
  }
  const digits = number.toString(36).padStart(ACTOR_ID_CHARACTERS, "0");
  return Array.from(digits).reverse().join("") as ActorId;
}

/** The datacenter label: the last two bytes, big-endian. */
export function actorLabel(id: ActorId): number {
  const bytes = encodeActorId(id);
  return ((bytes[17] ?? 0) << 8) | (bytes[18] ?? 0);
}

/** A new id from 16 random bytes, which become its UUIDv4, and a label. */
export function makeActorId(random: Uint8Array, label: number): ActorId {
  const bytes = new Uint8Array(ACTOR_ID_BYTES);
  bytes[0] = VERSION;
  bytes.set(random.subarray(0, 16), 1);
  bytes[7] = ((bytes[7] ?? 0) & 0x0f) | 0x40;
  bytes[9] = ((bytes[9] ?? 0) & 0x3f) | 0x80;
  bytes[17] = (label >> 8) & 0xff;
  bytes[18] = label & 0xff;
  return decodeActorId(bytes);
}

function invalid(message: string, input: string): FormatError {
  return new FormatError("actor_id_invalid", message, { input });
}
