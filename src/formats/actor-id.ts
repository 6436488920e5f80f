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

/** Base 36 digits that a double holds exactly: an id is three such parts. */
const PART_DIGITS = 10;
const PART_VALUES = 36n ** BigInt(PART_DIGITS);
/** A number of 19 bytes is read and written as three of 8, the last of them mostly zero. */
const WORDS_BYTES = 24;

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
  const number = numberOf(id);
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
  const number = numberOf(id);
  const words = new DataView(new ArrayBuffer(WORDS_BYTES));
  words.setBigUint64(0, number, true);
  words.setBigUint64(8, number >> 64n, true);
  words.setBigUint64(16, number >> 128n, true);
  return new Uint8Array(words.buffer, 0, ACTOR_ID_BYTES);
}

/** The number whose digits, least significant first, are the text. */
function numberOf(text: string): bigint {
  let number = 0n;
  for (let end = ACTOR_ID_CHARACTERS; end > 0; end -= PART_DIGITS) {
    let part = 0;
    for (let index = end - 1; index >= end - PART_DIGITS; index -= 1) {
      const code = text.charCodeAt(index);
      // Digits come before letters in ASCII as in base 36, with a gap between them.
      part = part * 36 + (code < 0x3a ? code - 0x30 : code - 0x57);
    }
    number = number * PART_VALUES + BigInt(part);
  }
  return number;
}

/** @throws FormatError `actor_id_invalid` for another length or version. */
export function decodeActorId(bytes: Uint8Array): ActorId {
  if (bytes.length !== ACTOR_ID_BYTES) {
    throw invalid(`An actor id has ${ACTOR_ID_BYTES} bytes; this one has ${bytes.length}.`, toHex(bytes));
  }
  if (bytes[0] !== VERSION) {
    throw invalid(`An actor id has version ${VERSION}; this one has version ${bytes[0] ?? 0}.`, toHex(bytes));
  }
  const words = new DataView(new ArrayBuffer(WORDS_BYTES));
  new Uint8Array(words.buffer).set(bytes);
  const number =
    (words.getBigUint64(16, true) << 128n) | (words.getBigUint64(8, true) << 64n) | words.getBigUint64(0, true);
  const digits = number.toString(36).padStart(ACTOR_ID_CHARACTERS, "0");
  let text = "";
  for (let index = ACTOR_ID_CHARACTERS - 1; index >= 0; index -= 1) {
    text += digits.charAt(index);
  }
  return text as ActorId;
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
