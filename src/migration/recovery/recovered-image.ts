import type { ByteSource } from "./byte-source.ts";
import { readExactly } from "./forward-reader.ts";
import type { PageOverlay } from "./page-overlay.ts";

/** What a plan says of an image: the part of the main file that stays, the pages over it, and the size. */
export interface ImagePlan {
  readonly header: { readonly pageSize: number };
  readonly mainBytes: number;
  readonly imageBytes: number;
  readonly overlay: PageOverlay;
}

/** Sidecar bytes between two wanted pages that are read and thrown away rather than cost another read. */
const MAX_GAP_BYTES = 65_536;
const MAX_SPAN_BYTES = 4_194_304;

/**
 * The image that SQLite would leave: the main file with the journal's or log's pages over it and zeros where neither reaches. A byte
 * source itself, so a log applies to what the rollback gave, and reads need not know of either.
 *
 * The main file is asked only for bytes that end up in the image: a chunk missing under a restored page is no one's loss.
 */
export class RecoveredImage implements ByteSource {
  readonly size: number;
  readonly #main: ByteSource;
  readonly #sidecar: ByteSource;
  readonly #plan: ImagePlan;

  constructor(main: ByteSource, sidecar: ByteSource, plan: ImagePlan) {
    this.size = plan.imageBytes;
    this.#main = main;
    this.#sidecar = sidecar;
    this.#plan = plan;
  }

  /** The same image with another reading of the main file beneath it. */
  over(main: ByteSource): RecoveredImage {
    const beneath = this.#main instanceof RecoveredImage ? this.#main.over(main) : main;
    return new RecoveredImage(beneath, this.#sidecar, this.#plan);
  }

  /** Costs memory of the length asked for and one read per run of pages from the main file, or per 4 MiB of neighbours in the sidecar. */
  async read(offset: number, length: number): Promise<Uint8Array> {
    const end = Math.min(offset + length, this.size);
    if (offset >= end) {
      return new Uint8Array(0);
    }
    const target = { bytes: new Uint8Array(end - offset), offset, end };
    const pieces = this.#pieces(target);
    await Promise.all([this.#copyFromMain(pieces.main, target), this.#copyFromSidecar(pieces.sidecar, target)]);
    return target.bytes;
  }

  /** Sorts the pages that a target touches by where they come from. */
  #pieces({ offset, end }: Target): { main: Range[]; sidecar: SidecarPage[] } {
    const { header, overlay, mainBytes } = this.#plan;
    const main: Range[] = [];
    const sidecar: SidecarPage[] = [];
    for (let index = Math.floor(offset / header.pageSize); index * header.pageSize < end; index += 1) {
      const imageOffset = index * header.pageSize;
      const sidecarOffset = overlay.get(index + 1);
      if (sidecarOffset !== undefined) {
        sidecar.push({ imageOffset, sidecarOffset });
        continue;
      }
      const from = Math.max(imageOffset, offset);
      const to = Math.min(imageOffset + header.pageSize, end, mainBytes);
      const last = main.at(-1);
      if (last?.to === from) {
        last.to = to;
      } else if (from < to) {
        main.push({ from, to });
      }
    }
    return { main, sidecar };
  }

  async #copyFromMain(ranges: readonly Range[], target: Target): Promise<void> {
    for (const { from, to } of ranges) {
      target.bytes.set(await readExactly(this.#main, from, to - from), from - target.offset);
    }
  }

  /** Pages of one transaction lie next to each other, though seldom in order, so neighbours come with one read. */
  async #copyFromSidecar(pages: readonly SidecarPage[], target: Target): Promise<void> {
    const { pageSize } = this.#plan.header;
    for (const span of spansOf(pages, pageSize)) {
      const bytes = await readExactly(this.#sidecar, span.from, span.to - span.from);
      for (const { imageOffset, sidecarOffset } of span.pages) {
        const from = Math.max(imageOffset, target.offset);
        const to = Math.min(imageOffset + pageSize, target.end);
        const start = sidecarOffset - span.from + (from - imageOffset);
        target.bytes.set(bytes.subarray(start, start + (to - from)), from - target.offset);
      }
    }
  }
}

interface Target {
  readonly bytes: Uint8Array;
  /** In the image, of the first byte and behind the last. */
  readonly offset: number;
  readonly end: number;
}

interface Range {
  readonly from: number;
  to: number;
}

interface SidecarPage {
  readonly imageOffset: number;
  readonly sidecarOffset: number;
}

interface Span extends Range {
  readonly pages: SidecarPage[];
}

function spansOf(pages: readonly SidecarPage[], pageSize: number): Span[] {
  const spans: Span[] = [];
  for (const page of pages.toSorted((one, other) => one.sidecarOffset - other.sidecarOffset)) {
    const to = page.sidecarOffset + pageSize;
    const last = spans.at(-1);
    if (last !== undefined && page.sidecarOffset - last.to <= MAX_GAP_BYTES && to - last.from <= MAX_SPAN_BYTES) {
      last.to = to;
      last.pages.push(page);
    } else {
      spans.push({ from: page.sidecarOffset, to, pages: [page] });
    }
  }
  return spans;
}
