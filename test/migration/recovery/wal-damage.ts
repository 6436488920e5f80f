import { concatBytes } from "../../../src/formats/bytes.ts";
import {
  WAL_FRAME_HEADER_BYTES,
  WAL_HEADER_BYTES,
  decodeWalFrame,
  decodeWalHeader,
  encodeWalFrame,
  encodeWalHeader,
  type WalFrame,
  type WalHeader,
} from "../../../src/formats/wal.ts";
import { resized, written } from "./edited-bytes.ts";
import type { Random } from "./random.ts";

/** A log and what was done to it. */
export interface DamagedWal {
  readonly name: string;
  readonly wal: Uint8Array;
}

/** Cuts, flips or rewrites a log; a rewritten one has right checksums, so that what they hide is met. */
export function damageWal(wal: Uint8Array, random: Random): DamagedWal {
  const at = random.between(0, wal.length);
  const early = random.between(0, Math.min(60, wal.length));
  switch (random.between(0, 9)) {
    case 0:
      return { name: `log cut at byte ${at}`, wal: wal.subarray(0, at) };
    case 1:
      return { name: `log cut at byte ${early}`, wal: wal.subarray(0, early) };
    case 2:
      return { name: `log flipped at byte ${at}`, wal: flipped(wal, at, random) };
    case 3:
      return { name: `log flipped at byte ${early}`, wal: flipped(wal, early, random) };
    case 4:
      return { name: "garbage behind the log", wal: concatBytes(wal, random.bytes(random.between(1, 9000))) };
    case 5:
      return { name: `log zero from byte ${at}`, wal: resized(wal.subarray(0, at), wal.length) };
    default:
      return rewritten(wal, random);
  }
}

function rewritten(wal: Uint8Array, random: Random): DamagedWal {
  const decoded = decodeWalHeader(wal);
  if (decoded === undefined) {
    return { name: "no log to rewrite", wal };
  }
  const { header } = decoded;
  const frames = framesOf(wal, header, decoded.checksum);
  const lastCommit = frames.findLastIndex((frame) => frame.commitPages > 0);
  const position = random.chance(0.5) ? Math.max(0, lastCommit) : random.between(0, Math.max(0, frames.length - 1));
  const change = (changed: Partial<WalFrame>): WalFrame[] =>
    frames.map((frame, index) => (index === position ? { ...frame, ...changed } : frame));
  const pages = frames[position]?.commitPages ?? 1;
  switch (random.between(0, 5)) {
    case 0:
      return { name: "other byte order", wal: assembled({ ...header, bigEndianChecksums: true }, frames) };
    case 1:
      return { name: "other version", wal: assembled({ ...header, version: header.version + 1 }, frames) };
    case 2: {
      const pageSize = random.pick([512, 1024, 4096, 8192]);
      const name = `pages of ${pageSize}`;
      const cut = frames.map((frame) => ({ ...frame, page: resized(frame.page, pageSize) }));
      return { name, wal: assembled({ ...header, pageSize }, cut) };
    }
    case 3: {
      const commitPages = random.pick([0, 1, 2, pages + 1, pages + 10, pages + 300, pages + 900, 0xffff_ffff]);
      return {
        name: `frame ${position} commits ${commitPages} pages`,
        wal: assembled(header, change({ commitPages })),
      };
    }
    case 4: {
      const pageNumber = random.pick([1, 2, pages + 1, 0xffff_ffff]);
      return { name: `frame ${position} holds page ${pageNumber}`, wal: assembled(header, change({ pageNumber })) };
    }
    default:
      return {
        name: `page of frame ${position} is garbage`,
        wal: assembled(header, change({ page: random.bytes(header.pageSize) })),
      };
  }
}

function framesOf(wal: Uint8Array, header: WalHeader, before: readonly [number, number]): WalFrame[] {
  const frames: WalFrame[] = [];
  const frameBytes = WAL_FRAME_HEADER_BYTES + header.pageSize;
  let checksum = before;
  for (let at = WAL_HEADER_BYTES; ; at += frameBytes) {
    const frame = decodeWalFrame(wal.subarray(at, at + frameBytes), header, checksum);
    if (frame === undefined) {
      return frames;
    }
    checksum = frame.checksum;
    frames.push(frame);
  }
}

function assembled(header: WalHeader, frames: readonly WalFrame[]): Uint8Array {
  const start = encodeWalHeader(header);
  const parts = [start.bytes];
  let checksum = start.checksum;
  for (const frame of frames) {
    const encoded = encodeWalFrame(frame, header, checksum);
    checksum = encoded.checksum;
    parts.push(encoded.bytes);
  }
  return concatBytes(...parts);
}

function flipped(bytes: Uint8Array, at: number, random: Random): Uint8Array {
  return at < bytes.length ? written(bytes, at, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.between(0, 7)))) : bytes;
}
