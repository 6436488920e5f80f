import {
  WAL_FRAME_HEADER_BYTES,
  WAL_HEADER_BYTES,
  WAL_VERSION,
  decodeWalFrame,
  decodeWalHeader,
  type DecodedWalHeader,
} from "../../formats/wal.ts";
import type { ByteSource } from "./byte-source.ts";
import { ForwardReader } from "./forward-reader.ts";
import { DEFAULT_MAX_IMAGE_BYTES, headerPageSize } from "./image-limits.ts";
import { PageNumbers } from "./page-numbers.ts";
import { PageOverlay } from "./page-overlay.ts";
import { RecoveredImage } from "./recovered-image.ts";
import type { WalFramesPlan, WalPlan } from "./wal-plan.ts";

/** What recovery of a log depends on besides the bytes. */
export interface WalOptions {
  /** The largest image worth planning for, in bytes; default 10 GiB. */
  readonly maxImageBytes?: number;
}

/** SQLite allows for the page that holds its locks when it asks whether a commit's size can be true. */
const LARGEST_PAGE_BYTES = 65_536;

/**
 * What SQLite would do on opening a main file beside which this log lies, and on the checkpoint when it closes it again:
 * `walIndexRecover` and `walCheckpoint` of its wal.c, in one pass. The main file is as it is after its journal was rolled back.
 * No content can make it throw. Costs 4 bytes per frame besides the overlay.
 */
export async function planWalRecovery(
  wal: ByteSource | undefined,
  main: ByteSource,
  options: WalOptions = {},
): Promise<WalPlan> {
  if (wal === undefined) {
    return { state: "absent" };
  }
  if (wal.size === 0) {
    return { state: "empty" };
  }
  if (main.size === 0) {
    return { state: "main_empty" };
  }
  const reader = new ForwardReader(wal);
  const headerBytes = await reader.read(0, WAL_HEADER_BYTES);
  const decoded = headerBytes === undefined ? undefined : decodeWalHeader(headerBytes);
  if (decoded === undefined) {
    return { state: "invalid_header" };
  }
  const { header } = decoded;
  // At exactly the header's size SQLite does not read the header at all, so its version does not matter.
  if (header.version !== WAL_VERSION && wal.size > WAL_HEADER_BYTES) {
    return { state: "unsupported_version", header };
  }
  const scan = await scanFrames(reader, decoded);
  if (scan.framesCommitted === 0) {
    return { state: "no_commit", header, framesValid: scan.pageNumbers.length };
  }
  const imageBytes = scan.commitPages * header.pageSize;
  if (imageBytes > (options.maxImageBytes ?? DEFAULT_MAX_IMAGE_BYTES)) {
    return { state: "too_large", header, imageBytes };
  }
  if (main.size + LARGEST_PAGE_BYTES + scan.framesCommitted * header.pageSize < imageBytes) {
    return { state: "size_implausible", header, imageBytes };
  }
  const plan = framesPlan(decoded, scan, main.size);
  return (await headerPageSize(new RecoveredImage(main, wal, plan))) === header.pageSize
    ? plan
    : { state: "page_size_mismatch", header, imageBytes };
}

interface FrameScan {
  /** Of all valid frames, in order. */
  readonly pageNumbers: PageNumbers;
  framesCommitted: number;
  commitPages: number;
}

/** Follows the checksums from frame to frame until one does not hold. */
async function scanFrames(reader: ForwardReader, { header, checksum }: DecodedWalHeader): Promise<FrameScan> {
  const scan: FrameScan = { pageNumbers: new PageNumbers(), framesCommitted: 0, commitPages: 0 };
  const frameBytes = WAL_FRAME_HEADER_BYTES + header.pageSize;
  let running = checksum;
  for (let offset = WAL_HEADER_BYTES; ; offset += frameBytes) {
    const bytes = await reader.read(offset, frameBytes);
    const frame = bytes === undefined ? undefined : decodeWalFrame(bytes, header, running);
    if (frame === undefined) {
      return scan;
    }
    running = frame.checksum;
    scan.pageNumbers.push(frame.pageNumber);
    if (frame.commitPages !== 0) {
      scan.framesCommitted = scan.pageNumbers.length;
      scan.commitPages = frame.commitPages;
    }
  }
}

/** Committed frames, later over earlier; a page that the last commit's size excludes was dropped after it was written. */
function framesPlan({ header }: DecodedWalHeader, scan: FrameScan, mainBytes: number): WalFramesPlan {
  const overlay = new PageOverlay();
  for (let index = 0; index < scan.framesCommitted; index += 1) {
    const pageNumber = scan.pageNumbers.at(index);
    if (pageNumber <= scan.commitPages) {
      const frameAt = WAL_HEADER_BYTES + index * (WAL_FRAME_HEADER_BYTES + header.pageSize);
      overlay.set(pageNumber, frameAt + WAL_FRAME_HEADER_BYTES);
    }
  }
  const imageBytes = scan.commitPages * header.pageSize;
  return {
    state: "valid_frames",
    header,
    framesValid: scan.pageNumbers.length,
    framesCommitted: scan.framesCommitted,
    pagesApplied: overlay.size,
    mainBytes: Math.min(mainBytes, imageBytes),
    imageBytes,
    imagePages: scan.commitPages,
    overlay,
  };
}
