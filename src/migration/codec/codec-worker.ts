/** The entry of the codec's thread: answers requests one after the other. What it does not expect ends the thread. */
import { createHash, type Hash } from "node:crypto";
import { parentPort } from "node:worker_threads";
import { InvariantError } from "../../errors.ts";
import { assertFormatError } from "../../formats/format-error.ts";
import { withCompressedPage, withInflatedPage } from "../../formats/page-codec.ts";
import { PAGE_BYTES } from "../../formats/sqlite-header.ts";
import type { CodecAnswer, CodecRequest } from "./codec-protocol.ts";

const hashes = new Map<number, Hash>();

type PagesRequest = Extract<CodecRequest, { op: "compress" | "hash" }>;

parentPort?.on("message", (request: CodecRequest) => {
  switch (request.op) {
    case "compress":
      reply(compress(request));
      break;
    case "hash":
      reply(hash(request));
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

function hash({ pass, bytes, begin, pages }: PagesRequest): CodecAnswer {
  hashOf(pass).update(new Uint8Array(bytes, begin, pages * PAGE_BYTES));
  return { kind: "done" };
}

/** A page is hashed and compressed while it is near, and its block put where pages were that are done with. */
function compress({ pass, bytes, begin, pages }: PagesRequest): CodecAnswer {
  const digest = hashOf(pass);
  const blocks = new Uint8Array(bytes);
  const lengths: number[] = [];
  let used = 0;
  for (let index = 0; index < pages; index += 1) {
    const page = new Uint8Array(bytes, begin + index * PAGE_BYTES, PAGE_BYTES);
    digest.update(page);
    withCompressedPage(page, (block) => {
      // The next page is hashed after this: one that was written over would be wrong, and its digest agree with it.
      if (used + block.length > begin + (index + 1) * PAGE_BYTES) {
        throw new InvariantError("blocks have overtaken the pages whose place they take");
      }
      blocks.set(block, used);
      used += block.length;
      lengths.push(block.length);
    });
  }
  return { kind: "blocks", lengths };
}

function inflate({ pass, bytes, lengths }: Extract<CodecRequest, { op: "inflate" }>): CodecAnswer {
  const digest = hashOf(pass);
  let offset = 0;
  try {
    for (const length of lengths) {
      withInflatedPage(new Uint8Array(bytes, offset, length), (page) => digest.update(page));
      offset += length;
    }
  } catch (error) {
    assertFormatError(error);
    return { kind: "refused", code: error.code, message: error.message, details: error.details };
  }
  return { kind: "done" };
}
