import { expect } from "chai";

import { UnavailableError } from "../../src/errors.ts";
import { createLogger, type Logger, type LogOptions } from "../../src/telemetry/log.ts";
import { serializeError } from "../../src/telemetry/serialize-error.ts";
import { MemoryStream } from "./memory-stream.ts";

const CANARY = "c4n4ry";

/** What one use of a logger prints. */
async function printed(
  use: (log: Logger) => void,
  options: Partial<LogOptions> & { tty?: boolean } = {},
): Promise<string> {
  const stream = new MemoryStream(options.tty);
  const log = createLogger({ stream, ...options });
  use(log);
  await log.close();
  return stream.text;
}

async function entry(use: (log: Logger) => void, options: Partial<LogOptions> = {}): Promise<Record<string, unknown>> {
  return JSON.parse(await printed(use, options)) as Record<string, unknown>;
}

describe("telemetry/log", () => {
  it("writes one JSON line per event with time, severity, message, event and fields", async () => {
    const line = await entry((log) => {
      log.child({ actor: "a1" }).warn("actor.rejected", "actor rejected", { reason: "magic_mismatch", pages: 3 });
    });
    expect(line["timestamp"]).to.match(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(line).to.include({
      severity: "WARN",
      event: "actor.rejected",
      message: "actor rejected",
      actor: "a1",
      reason: "magic_mismatch",
      pages: 3,
    });
  });

  it("does not let a field take the place of the message, nor break a line", async () => {
    const text = await printed((log) => {
      log.info("e", "static", { message: "mine", level: "error", splat: ["x"], text: "two\nlines" });
    });
    expect(text.trimEnd().split("\n")).to.have.length(1);
    expect(JSON.parse(text)).to.include({ message: "static", severity: "INFO", level: "error", text: "two\nlines" });
  });

  it("writes errors whole: type, code, message, stack, details and every cause", async () => {
    const below = new Error("below", { cause: new Error("deeper", { cause: new Error("deepest") }) });
    const root = Object.assign(new Error("refused", { cause: below }), { code: "ECONNREFUSED" });
    const error = new UnavailableError("redis_unreachable", "Redis is away.", { details: { tries: 3 }, cause: root });
    const line = await entry((log) => {
      log.error("redis.lost", "lost Redis", { error });
    });
    const written = line["error"] as Record<string, unknown>;
    expect(written).to.include({ type: "UnavailableError", code: "redis_unreachable", message: "Redis is away." });
    expect(written["stack"]).to.contain("log.spec.ts");
    expect(written["details"]).to.deep.equal({ tries: 3 });
    expect(written["cause"]).to.include({ type: "Error", code: "ECONNREFUSED", message: "refused" });
    expect(written).to.have.nested.property("cause.cause.cause.cause.message", "deepest");
  });

  it("keeps to its level, which can change while it runs, and children follow", async () => {
    const text = await printed(
      (log) => {
        const child = log.child({});
        child.info("a", "unseen");
        log.level = "debug";
        child.debug("b", "seen");
      },
      { level: "warn" },
    );
    expect(text).to.not.contain("unseen");
    expect(text).to.contain('"message":"seen"');
    expect(text).to.contain('"message":"seen"');
  });

  for (const [where, fields] of Object.entries({
    "a field": { url: `redis://user:${CANARY}@host:6379/0` },
    "a nested field": { options: { list: [`rediss://:${CANARY}@host`] } },
    "a text": { text: `cannot reach redis://u:${CANARY}@host:1 just now` },
    "a password with an @ and a slash": { url: `redis://u:x@y/${CANARY}@host:1` },
    "an error's message": { error: new Error(`redis://u:${CANARY}@host`) },
    "a cause": { error: new Error("outer", { cause: new Error(`redis://u:${CANARY}@host`) }) },
    "an error's details": { error: new UnavailableError("c", "m", { details: { url: `redis://u:${CANARY}@h` } }) },
    "a field named for it": { password: CANARY, nested: { clientSecret: CANARY } },
    "the command of a Redis error": { error: Object.assign(new Error("WRONGPASS"), { command: { args: [CANARY] } }) },
  })) {
    it(`never prints a password: ${where}`, async () => {
      for (const format of ["json", "pretty"] as const) {
        const text = await printed(
          (log) => {
            log.error("e", "m", fields);
          },
          { format },
        );
        expect(text).to.not.contain(CANARY);
        expect(text).to.contain("m");
      }
    });
  }

  it("prints bytes as their count and 64-bit numbers as text", async () => {
    const line = await entry((log) => {
      log.info("e", "m", { page: new Uint8Array(4096), txid: 2n ** 63n, at: new Date(0) });
    });
    expect(line).to.include({ page: "4096 bytes", txid: "9223372036854775808", at: "1970-01-01T00:00:00.000Z" });
  });

  it("cuts a text that is longer than any line should be, and says how long it was", async () => {
    const line = await entry((log) => {
      log.info("e", "m", { text: "x".repeat(20_000) });
    });
    expect(line["text"]).to.match(/^x{16384}… \(20000 characters\)$/);
  });

  it("is for people on a terminal, in colour unless told otherwise", async () => {
    const use = (log: Logger): void => {
      log.warn("e", "be careful", { actor: "a1", error: new Error("why") });
    };
    const colored = await printed(use, { tty: true });
    expect(colored).to.contain("\u001b[33mWARN ");
    const plain = await printed(use, { tty: true, color: false });
    expect(plain).to.not.contain("\u001b");
    expect(plain).to.match(/^\d\d:\d\d:\d\d WARN {2}be careful actor=a1\n {4}Error: why\n/);
  });

  it("survives a cycle of causes and what is not an error", () => {
    const error = new Error("loop");
    error.cause = error;
    expect(JSON.stringify(serializeError(error)).length).to.be.lessThan(50_000);
    expect(serializeError("text").message).to.equal("text");
    expect(serializeError(undefined).message).to.equal("undefined");
    expect(serializeError(new AggregateError([new Error("one")], "all")).errors?.[0]?.message).to.equal("one");
  });

  it("survives a field that holds itself", async () => {
    const fields: Record<string, unknown> = { id: 1 };
    fields["again"] = fields;
    const line = await printed((log) => {
      log.info("e", "m", { fields });
    });
    expect(line.length).to.be.lessThan(2_000);
    expect(line).to.contain('"again":"…"');
  });

  it("drops what is logged after it was closed, as by work that outlives a stop", async () => {
    const stream = new MemoryStream();
    const log = createLogger({ stream });
    log.info("e", "in time");
    await log.close();
    log.info("e", "late");
    log.child({ job: 1 }).error("e", "late", { error: new Error("closed") });
    await new Promise((resolve) => setImmediate(resolve));
    expect(stream.lines).to.have.length(1);
  });

  it("has written everything when close returns", async () => {
    const stream = new MemoryStream();
    const log = createLogger({ stream });
    for (let index = 0; index < 1_000; index += 1) {
      log.info("e", "m", { index });
    }
    await log.close();
    expect(stream.lines).to.have.length(1_000);
  });
});
