import { createHash } from "node:crypto";
import { FormatError } from "../../formats/format-error.ts";
import {
  DIGEST_BEGIN,
  EVIDENCE_FORMAT,
  EVIDENCE_VERSION,
  HEAD_BEGIN,
  ROWS_BEGIN,
  ROWS_END,
  TAIL_BEGIN,
} from "./evidence-format.ts";

/** A bundle that is whole. Its fields are whatever its writer put there: show them, do not rely on their types. */
export interface EvidenceSummary {
  readonly head: object;
  readonly tail: object;
}

/**
 * Reads a bundle's lines, one at a time, and checks that they are all there and unchanged.
 * @throws FormatError `bundle_unknown` (no bundle, or of a later version), `bundle_damaged`
 */
export class EvidenceReader {
  readonly #digest = createHash("sha256");
  #line = 0;
  #rows = 0;
  #state: "head" | "begin" | "rows" | "tail" | "digest" | "end" = "head";
  #head: object | undefined;
  #tail: object | undefined;
  #lastHadComma = true;

  push(line: string): void {
    this.#line += 1;
    switch (this.#state) {
      case "head":
        this.#head = this.#readHead(line);
        this.#state = "begin";
        break;
      case "begin":
        this.#assert(line === ROWS_BEGIN);
        this.#state = "rows";
        break;
      case "rows":
        if (line === ROWS_END) {
          this.#assert(this.#rows === 0 || !this.#lastHadComma);
          this.#state = "tail";
        } else {
          this.#readRow(line);
        }
        break;
      case "tail":
        this.#tail = this.#readTail(line);
        this.#state = "digest";
        break;
      case "digest":
        this.#assert(line === `${DIGEST_BEGIN}"${this.#digest.digest("hex")}"}`);
        this.#state = "end";
        return;
      case "end":
        this.#assert(line === "");
        return;
    }
    this.#digest.update(`${line}\n`);
  }

  /** After the last line. */
  end(): EvidenceSummary {
    this.#line += 1;
    if (this.#head === undefined) {
      throw unknown("The file is no evidence bundle of Ferry's: it is empty.");
    }
    if (this.#tail === undefined || this.#state !== "end") {
      throw this.#damaged();
    }
    return { head: this.#head, tail: this.#tail };
  }

  #readHead(line: string): object {
    if (!line.startsWith(HEAD_BEGIN)) {
      throw unknown("The file is no evidence bundle of Ferry's.");
    }
    this.#assert(line.endsWith(","));
    const head = this.#parse(line.slice(HEAD_BEGIN.length, -1));
    if (!("format" in head) || head.format !== EVIDENCE_FORMAT) {
      throw unknown("The file is no evidence bundle of Ferry's.");
    }
    if (!("version" in head) || head.version !== EVIDENCE_VERSION) {
      throw unknown("The evidence bundle is of a version that this Ferry does not know: upgrade it.");
    }
    return head;
  }

  #readRow(line: string): void {
    // Every row but the last ends in a comma.
    this.#assert(this.#rows === 0 || this.#lastHadComma);
    this.#lastHadComma = line.endsWith(",");
    const row = this.#parse(this.#lastHadComma ? line.slice(0, -1) : line);
    this.#assert("key" in row && typeof row.key === "string" && "sha256" in row && typeof row.sha256 === "string");
    if ("value" in row && "sha256" in row) {
      const { value } = row;
      this.#assert(typeof value === "string");
      const found = createHash("sha256")
        .update(Buffer.from(String(value), "base64"))
        .digest("hex");
      this.#assert(found === row.sha256);
    }
    this.#rows += 1;
  }

  #readTail(line: string): object {
    this.#assert(line.startsWith(TAIL_BEGIN) && line.endsWith("},"));
    const tail = this.#parse(line.slice(TAIL_BEGIN.length, -1));
    this.#assert("rows" in tail && tail.rows === this.#rows);
    return tail;
  }

  #parse(text: string): object {
    try {
      const parsed: unknown = JSON.parse(text);
      if (typeof parsed === "object" && parsed !== null) {
        return parsed;
      }
    } catch {
      // Said below.
    }
    throw this.#damaged();
  }

  #assert(condition: boolean): void {
    if (!condition) {
      throw this.#damaged();
    }
  }

  #damaged(): FormatError {
    return new FormatError("bundle_damaged", "The evidence bundle is damaged or cut off.", { line: this.#line });
  }
}

function unknown(message: string): FormatError {
  return new FormatError("bundle_unknown", message);
}
