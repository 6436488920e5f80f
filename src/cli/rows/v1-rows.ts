import type { ActorId } from "../../formats/actor-id.ts";
import {
  actorKvSubspace,
  chunkRowKey,
  encodeEntryMetadata,
  metadataRowKey,
  VALUE_CHUNK_BYTES,
} from "../../formats/actor-kv.ts";
import { ASCII } from "../../formats/bytes.ts";
import {
  encodeFileMetadata,
  fileChunkKey,
  fileMetadataKey,
  V1_CHUNK_BYTES,
  type FileTag,
} from "../../formats/v1-file.ts";
import type { KeyValue } from "../../store/store.ts";

/** What an imported entry's metadata says of its writer, and when it was written. */
export interface Writer {
  readonly version: string;
  readonly updateTsMs: number;
}

/** The rows of one file as v1's VFS stores it: an entry per 4,096 bytes, and one for the file's size, last. Chunks must come in that size. */
export async function* v1FileRows(
  id: ActorId,
  tag: FileTag,
  file: { chunks: AsyncIterable<Uint8Array>; writer: Writer },
): AsyncGenerator<KeyValue, { bytes: number; chunks: number }, undefined> {
  let bytes = 0;
  let index = 0;
  for await (const chunk of file.chunks) {
    yield* entryRows(id, fileChunkKey(tag, index), chunk, file.writer);
    bytes += chunk.length;
    index += 1;
  }
  yield* entryRows(id, fileMetadataKey(tag), encodeFileMetadata(BigInt(bytes)), file.writer);
  return { bytes, chunks: index };
}

/** Cuts a file's bytes into v1's chunks; the last may be shorter. */
export async function* v1Chunks(bytes: AsyncIterable<Buffer>): AsyncGenerator<Uint8Array, void, undefined> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const part of bytes) {
    const joined = rest.length === 0 ? part : Buffer.concat([rest, part]);
    let offset = 0;
    for (; joined.length - offset >= V1_CHUNK_BYTES; offset += V1_CHUNK_BYTES) {
      yield joined.subarray(offset, offset + V1_CHUNK_BYTES);
    }
    rest = joined.subarray(offset);
  }
  if (rest.length > 0) {
    yield rest;
  }
}

function* entryRows(id: ActorId, key: Uint8Array, value: Uint8Array, writer: Writer): Generator<KeyValue> {
  const subspace = actorKvSubspace(id);
  for (let index = 0; index * VALUE_CHUNK_BYTES < value.length || index === 0; index += 1) {
    const piece = value.subarray(index * VALUE_CHUNK_BYTES, (index + 1) * VALUE_CHUNK_BYTES);
    yield { key: chunkRowKey(subspace, key, index), value: piece };
  }
  const metadata = { version: ASCII.encode(writer.version), updateTs: BigInt(writer.updateTsMs) };
  yield { key: metadataRowKey(subspace, key), value: encodeEntryMetadata(metadata) };
}
