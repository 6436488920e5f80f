import { createHash } from "node:crypto";
import type { Outcome } from "../../migration/outcome.ts";

/** Of the digest, in hexadecimal: enough to tell thousands of groups apart, short enough to type. */
const LENGTH = 12;
/** A detail's beginning says what it is about; SQLite's may go on for a hundred lines. */
const MAX_DETAIL = 2_000;

/**
 * A detail without what differs from actor to actor: ids, hexadecimal, numbers become `#`, and repeated parts one. Two rejections with the
 * same cause read the same.
 */
export function normaliseDetail(detail: string): string {
  const text = detail
    .slice(0, MAX_DETAIL)
    .replace(/ ?See docs\/runbooks\/\S+\.md\./, "")
    .replace(/(?<![A-Za-z0-9_])[0-9a-z]{30}(?![A-Za-z0-9_])/g, "#")
    // One mark for both: whether a run of hexadecimal has a letter in it is chance.
    .replace(/(?<![A-Za-z0-9_])(?=[0-9a-f]*\d)[0-9a-f]{8,}(?![A-Za-z0-9_])/g, "#")
    .replace(/(?<![A-Za-z0-9_])\d+(?:[.,]\d+)*/g, "#")
    .replace(/\s+/g, " ");
  const parts = text.trim().split("; ");
  return [...new Set(parts.map((part) => (parts.length > 1 ? part.replace(/\.$/, "") : part)))].join("; ");
}

/** What groups outcomes: 12 hexadecimal characters of the reason and the normalised detail. */
export function fingerprintOf({ reason = "", detail = "" }: Pick<Outcome, "reason" | "detail">): string {
  return createHash("sha256")
    .update(`${reason}\n${normaliseDetail(detail)}`)
    .digest("hex")
    .slice(0, LENGTH);
}
