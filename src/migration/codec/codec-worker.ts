/** The entry of the codec's thread: answers requests one after the other. What it does not expect ends the thread. */
import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { FormatError } from "../../formats/format-error.ts";
import { MOST_BLOCK_BYTES, withCompressedPage, withInflatedPage } from "../../formats/page-codec.ts";
import { PAGE_BYTES } from "../../formats/sqlite-header.ts";
import type { CodecAnswer, CodecRequest } from "./codec-protocol.ts";

const hashes = new Map<number, Hash>();
/** Where pages and blocks are put together. */
let scratch = new Uint8Array(0);

parentPort?.on("message", (request: CodecRequest) => {
  switch (request.op) {
    case "compress":
      hashPages(request);
      reply(compress(request));
      break;
    case "hash":
      hashPages(request);
      reply({ kind: "done", bytes: request.bytes });
      break;
    case "inflate":
      reply(inflate(request));
      break;
    case "digest":
      reply({ kind: "digest", sha256: hashOf(request.pass).digest("hex") });
      break;
    case "end":
      hashes.delete(request.pass);
      break;
  }
});

function reply(answer: CodecAnswer): void {
  parentPort?.postMessage(answer);
}

function hashOf(pass: number): Hash {
  const hash = hashes.get(pass) ?? createHash("sha256");
  hashes.set(pass, hash);
  return hash;
}

function hashPages({ pass, bytes, pages }: { pass: number; bytes: SharedArrayBuffer; pages: number }): void {
  hashOf(pass).update(new Uint8Array(bytes, 0, pages * PAGE_BYTES));
}

function compress({ bytes, pages }: { bytes: SharedArrayBuffer; pages: number }): CodecAnswer {
  const blocks = scratchOf(pages * MOST_BLOCK_BYTES);
  const lengths: number[] = [];
  let used = 0;
  for (let page = 0; page < pages; page += 1) {
    withCompressedPage(new Uint8Array(bytes, page * PAGE_BYTES, PAGE_BYTES), (block) => {
      blocks.set(block, used);
      used += block.length;
      lengths.push(block.length);
    });
  }
  new Uint8Array(bytes).set(blocks.subarray(0, used));
  return { kind: "blocks", bytes, lengths };
}

function inflate({ pass, bytes, lengths }: Extract<CodecRequest, { op: "inflate" }>): CodecAnswer {
  const pages = scratchOf(lengths.length * PAGE_BYTES);
  let offset = 0;
  try {
    for (const [page, length] of lengths.entries()) {
      withInflatedPage(new Uint8Array(bytes, offset, length), (inflated) => {
        pages.set(inflated, page * PAGE_BYTES);
      });
      offset += length;
    }
  } catch (error) {
    if (error instanceof FormatError) {
      return { kind: "refused", bytes, code: error.code, message: error.message, details: error.details };
    }
    throw error;
  }
  hashOf(pass).update(pages.subarray(0, lengths.length * PAGE_BYTES));
  return { kind: "done", bytes };
}

function scratchOf(bytes: number): Uint8Array {
  if (scratch.length < bytes) {
    scratch = new Uint8Array(bytes);
  }
  return scratch;
}
