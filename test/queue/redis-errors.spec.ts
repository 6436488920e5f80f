import { expect } from "chai";

import { FerryError, InvariantError, UsageError } from "../../src/errors.ts";
import { isConnectionError, redisUnavailable } from "../../src/queue/redis-errors.ts";

const URL = "redis://ann:secret@redis.example:6379";

/** An answer of Redis, as the client throws it. */
function reply(message: string): Error {
  return Object.assign(new Error(message), { name: "ReplyError" });
}

describe("queue/redis errors", () => {
  const codeOf = (cause: unknown): string => redisUnavailable(URL, cause).code;

  it("tell what an operator has to do, by the answer", () => {
    expect(codeOf(reply("NOAUTH Authentication required."))).to.equal("redis_auth");
    expect(codeOf(reply("OOM command not allowed when used memory > 'maxmemory'."))).to.equal("redis_full");
    expect(codeOf(reply("READONLY You can't write against a read only replica."))).to.equal("redis_read_only");
    expect(codeOf(reply("MISCONF Redis is configured to save RDB snapshots"))).to.equal("redis_refused");
    expect(codeOf(Object.assign(new Error("connect"), { code: "ECONNREFUSED" }))).to.equal("redis_unreachable");
  });

  it("take a Redis that is about to be there for one that is not there yet", () => {
    for (const message of [
      "LOADING Redis is loading the dataset in memory",
      "MASTERDOWN Link with MASTER is down",
      "TRYAGAIN Multiple keys request during rehashing of slot",
    ]) {
      expect(isConnectionError(reply(message)), message).to.equal(true);
      expect(codeOf(reply(message)), message).to.equal("redis_unreachable");
    }
    expect(isConnectionError(reply("OOM command not allowed"))).to.equal(false);
  });

  it("pass Ferry's own unchanged, and call a bug what does not come from Redis", () => {
    const own = new UsageError("said before");
    expect(redisUnavailable(URL, own)).to.equal(own);
    expect(redisUnavailable(URL, new TypeError("undefined is not a function"))).to.be.instanceOf(InvariantError);
  });

  it("name the place without its password", () => {
    const error = redisUnavailable(URL, reply("OOM"));
    expect(error).to.be.instanceOf(FerryError);
    expect(`${error.message} ${JSON.stringify(error.details)}`)
      .to.contain("ann:***@redis.example")
      .and.not.contain("secret");
  });
});
