import { PAGE_BYTES } from "../../formats/sqlite-header.ts";
import { assertNotAborted } from "../errors.ts";
import { inOrder } from "../in-order.ts";
import type { PageBatch } from "../pages.ts";
import type { ByteSource } from "./byte-source.ts";

/** Pages per read: 1 MiB. */
const BATCH_PAGES = 256;
/** Reads ahead of the one being used. */
const READ_AHEAD = 3;

/**
 * An image as 4,096-byte pages, in order, 1 MiB at a time. The last page of one that ends within it is filled up with zeros: it is given all the
 * same, as one that is smaller than a page would pass for empty, and what refuses such an image looks at its first page.
 */
export async function* readImagePages(
  image: ByteSource,
  signal: AbortSignal,
): AsyncGenerator<PageBatch, void, undefined> {
  const pageCount = Math.ceil(image.size / PAGE_BYTES);
  const batches: (() => Promise<PageBatch>)[] = [];
  for (let first = 0; first < pageCount; first += BATCH_PAGES) {
    const count = Math.min(BATCH_PAGES, pageCount - first);
    batches.push(async () => {
      assertNotAborted(signal);
      return { firstPgno: first + 1, pages: split(await image.read(first * PAGE_BYTES, count * PAGE_BYTES)) };
    });
  }
  yield* inOrder(batches, READ_AHEAD);
}

function split(bytes: Uint8Array): Uint8Array[] {
  const pages: Uint8Array[] = [];
  for (let offset = 0; offset < bytes.length; offset += PAGE_BYTES) {
    const page = bytes.subarray(offset, offset + PAGE_BYTES);
    pages.push(page.length === PAGE_BYTES ? page : filledUp(page));
  }
  return pages;
}

function filledUp(end: Uint8Array): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  page.set(end);
  return page;
}
