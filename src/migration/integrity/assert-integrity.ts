import { FormatError } from "../../formats/format-error.ts";
import type { Attempt } from "../attempt.ts";
import type { ByteSource } from "../recovery/byte-source.ts";

/**
 * Has SQLite check an image as far as the options ask for.
 * @throws FormatError `integrity_check_failed` with the first lines SQLite gave; what the image's source throws.
 */
export async function assertIntegrity({ context, options, signal }: Attempt, image: ByteSource): Promise<void> {
  if (options.check === "header") {
    return;
  }
  context.observer.enter("check");
  const result = await context.checkIntegrity(image, options.check, signal);
  if (!result.ok) {
    throw new FormatError(
      "integrity_check_failed",
      `SQLite's ${options.check} check found: ${result.lines.join("; ")}.`,
    );
  }
}
