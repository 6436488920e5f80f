import * as bare from "@bare-ts/lib";
import type { ActorId } from "../../../formats/actor-id.ts";
import { equalBytes } from "../../../formats/bytes.ts";
import { FormatError } from "../../../formats/format-error.ts";
import { UUID_BYTES } from "../../../formats/uuid.ts";
import { ferryKey } from "../../ferry-keys.ts";
import type { Rows } from "../../rows.ts";

/*
 * What Ferry remembers of an image it switched to, for undoing it and for knowing it again: written with the switch, removed by the undo.
 *
 *   ("ferry", "depot_image", id)     BARE { version u8 = 1, branch: 16 bytes, bucketBranch: 16 bytes, head: data }
 */

const VERSION = 1;

export interface DepotImageRow {
  readonly branch: Uint8Array;
  readonly bucketBranch: Uint8Array;
  /** META/head as switched to, byte for byte: once it differs, the actor has written. */
  readonly head: Uint8Array;
}

export function depotImageKey(id: ActorId): Uint8Array {
  return ferryKey("depot_image", id);
}

export function encodeDepotImageRow(row: DepotImageRow): Uint8Array {
  const cursor = new bare.ByteCursor(new Uint8Array(128), bare.Config({}));
  bare.writeU8(cursor, VERSION);
  bare.writeU8FixedArray(cursor, row.branch);
  bare.writeU8FixedArray(cursor, row.bucketBranch);
  bare.writeU8Array(cursor, row.head);
  return cursor.bytes.slice(0, cursor.offset);
}

/** What Ferry remembers of the image it switched an actor to. @throws FormatError `depot_image_row_invalid` */
export async function readImageRow(rows: Pick<Rows, "get">, id: ActorId): Promise<DepotImageRow | undefined> {
  const row = await rows.get(depotImageKey(id));
  return row === undefined ? undefined : decodeDepotImageRow(row);
}

/**
 * Whether a branch is the one that Ferry switched the actor to. What the engine makes of that one by a fork, a rollback or a restore is
 * another branch, with a parent, which Ferry does not read: of the branches that it reads, no other comes from Ferry's.
 */
export function isOfBranch(row: DepotImageRow | undefined, branch: Uint8Array): row is DepotImageRow {
  return equalBytes(row?.branch, branch);
}

/** @throws FormatError `depot_image_row_invalid` */
export function decodeDepotImageRow(bytes: Uint8Array): DepotImageRow {
  try {
    const cursor = new bare.ByteCursor(Uint8Array.from(bytes), bare.Config({}));
    const version = bare.readU8(cursor);
    const branch = bare.readU8FixedArray(cursor, UUID_BYTES);
    const bucketBranch = bare.readU8FixedArray(cursor, UUID_BYTES);
    const head = bare.readU8Array(cursor);
    if (version === VERSION && cursor.offset === bytes.length) {
      return { branch, bucketBranch, head };
    }
  } catch (error) {
    if (!(error instanceof bare.BareError)) {
      throw error;
    }
  }
  throw new FormatError("depot_image_row_invalid", "Ferry's row about the actor's Depot image cannot be read.");
}
