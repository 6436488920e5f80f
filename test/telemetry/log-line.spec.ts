import { expect } from "chai";
import { prettyLine } from "../../src/telemetry/log-line.ts";

/** The line for a person, without its time and colours. */
function lineOf(fields: Readonly<Record<string, unknown>>): string {
  const line = prettyLine({ time: new Date(0), level: "info", event: "e", message: "What happened", fields }, false);
  return line.slice("00:00:00 ".length);
}

/** An error whose stack is as short as in production. */
function failure(message: string, more: object = {}): Error {
  const error = Object.assign(new Error(message), more);
  delete error.stack;
  return error;
}

describe("a log line for people", () => {
  it("is one line with the fields that have a value", () => {
    expect(lineOf({ actor: "a1", pages: 3, reason: undefined, of: { tries: 2 } })).to.equal(
      'INFO  What happened actor=a1 pages=3 of={"tries":2}',
    );
  });

  it("has an error's code, details and causes below it, and none of what the error has not", () => {
    const cause = failure("deeper");
    const error = failure("refused", { code: "ECONNREFUSED", details: { tries: 3 }, cause });
    expect(lineOf({ error }).split("\n")).to.deep.equal([
      "INFO  What happened",
      "    refused",
      "    code: ECONNREFUSED",
      '    details: {"tries":3}',
      "    caused by:",
      "    deeper",
    ]);
  });

  it("says what is not an error as it is", () => {
    expect(lineOf({ error: "text" }).split("\n")).to.deep.equal(["INFO  What happened", '    "text"']);
  });
});
