import { assertFormatError, FormatError } from "../formats/format-error.ts";
import type { Codec } from "./codec/codec.ts";
import type { ImageFacts } from "./outcome.ts";
import type { BlockBatch } from "./pages.ts";

/** Reads an image back and compares its digest. @throws FormatError `verify_mismatch` */
export async function assertSameImage(
  codec: Codec,
  batches: AsyncIterable<BlockBatch>,
  expected: ImageFacts,
): Promise<void> {
  const pass = codec.begin();
  let pages = 0;
  let inflating = Promise.resolve();
  let sha256;
  try {
    for await (const { blocks } of batches) {
      pages += blocks.length;
      const before = inflating;
      inflating = pass.inflate(blocks);
      // Awaited with the next batch, so that two are on their way; a failure before that is not an unhandled rejection.
      inflating.catch(() => undefined);
      await before;
    }
    await inflating;
    sha256 = await pass.digest();
  } catch (error) {
    assertFormatError(error);
    throw new FormatError("verify_mismatch", "The rows written for v2 cannot be read back.", {
      cause: error.message,
      code: error.code,
    });
  } finally {
    await Promise.allSettled([inflating]);
    pass.end();
  }
  if (sha256 !== expected.sha256 || pages !== expected.pages) {
    throw new FormatError("verify_mismatch", "The image read back from v2 is not the image read from v1.", {
      expected: expected.sha256,
      found: sha256,
      pages,
    });
  }
}
