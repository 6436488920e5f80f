import { writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { once } from "node:events";

import { expect } from "chai";
import { Redis } from "ioredis";

import { FerryError, UnavailableError, UsageError } from "../../src/errors.ts";
import { MigrationQueue } from "../../src/queue/migration-queue.ts";
import { redactUrl } from "../../src/queue/redact-url.ts";
import { assertRedisFit } from "../../src/queue/redis-fit.ts";
import { WorkerHost } from "../../src/queue/worker-host.ts";
import { freePort, TestRedis } from "../support/redis.ts";
import { SELF_SIGNED } from "../support/self-signed.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";
import { eventually } from "./eventually.ts";
import { newActor, newRequest } from "./requests.ts";

/** What opening a queue throws. */
async function refusal(
  url: string,
  settings: { password?: string; caFile?: string; connectDeadlineMs?: number } = {},
): Promise<FerryError> {
  const { connectDeadlineMs, ...options } = settings;
  const opened = MigrationQueue.open({ url, ...options }, connectDeadlineMs === undefined ? {} : { connectDeadlineMs });
  const error: unknown = await opened.catch((thrown: unknown) => thrown);
  expect(error).to.be.instanceOf(FerryError);
  return error as FerryError;
}

/** A client that answers INFO with `info` and CONFIG GET with `policy`, or refuses it. */
function fakeRedis(info: string, policy?: string): Redis {
  return {
    info: () => Promise.resolve(info),
    config: () =>
      policy === undefined
        ? Promise.reject(new Error("ERR unknown command"))
        : Promise.resolve(["maxmemory-policy", policy]),
  } as unknown as Redis;
}

describe("queue/redis", () => {
  describe("fitness", () => {
    const options = { url: "redis://127.0.0.1:6379" };

    it("refuses a Redis that evicts, with the command that fixes it, for queue and worker alike", async () => {
      const redis = await TestRedis.start({ args: ["--maxmemory-policy", "allkeys-lru"] });
      try {
        const error = await refusal(redis.url);
        expect(error.code).to.equal("redis_evicts");
        expect(error.message).to.equal(
          `Redis at ${redis.url} may evict jobs (maxmemory-policy allkeys-lru): run ` +
            `\`redis-cli -h 127.0.0.1 -p ${redis.port} CONFIG SET maxmemory-policy noeviction\` and keep it in its configuration.`,
        );
        const worker: unknown = await WorkerHost.start({
          redis: { url: redis.url },
          process: () => Promise.resolve({ kind: "done" }),
          onExhausted: () => Promise.resolve(),
        }).catch((thrown: unknown) => thrown);
        expect((worker as FerryError).code).to.equal("redis_evicts");
        const client = new Redis(redis.url);
        await eventually("both have let go of their connections", async () => {
          const clients = (await client.client("LIST")) as string;
          return clients.trim().split("\n").length === 1;
        });
        client.disconnect();
      } finally {
        await redis.stop();
      }
    });

    it("refuses a replica, on which a worker with --drain would find nothing and be done", async () => {
      const redis = await TestRedis.start({ args: ["--replicaof", "127.0.0.1", String(await freePort())] });
      try {
        const error = await refusal(redis.url);
        expect([error.code, error.message]).to.deep.equal([
          "redis_read_only",
          `Redis at ${redis.url} is a replica and takes no writes: give the primary's URL.`,
        ]);
      } finally {
        await redis.stop();
      }
    });

    it("reads the policy where CONFIG is forbidden", async () => {
      const redis = await TestRedis.start({ args: ["--rename-command", "CONFIG", ""] });
      try {
        const queue = await MigrationQueue.open({ url: redis.url });
        expect(queue.facts).to.include({ evictionPolicy: "noeviction", maxBytes: 0 });
        expect(queue.facts.usedBytes).to.be.greaterThan(0);
        await queue.close();
      } finally {
        await redis.stop();
      }
    });

    it("says that it does not know where INFO and CONFIG both hide the policy", async () => {
      expect((await assertRedisFit(fakeRedis("redis_version:7.0.0\r\n"), options)).evictionPolicy).to.equal("unknown");
    });

    it("asks CONFIG where INFO hides the policy", async () => {
      const error: unknown = await assertRedisFit(fakeRedis("redis_version:7.0.0\r\n", "volatile-ttl"), options).catch(
        (thrown: unknown) => thrown,
      );
      expect((error as FerryError).code).to.equal("redis_evicts");
    });

    it("names the command with the user and TLS of the URL or the options, and no password", async () => {
      const evicting = fakeRedis("redis_version:7.0.0\r\nmaxmemory_policy:allkeys-lru\r\n");
      for (const secured of [
        { url: "rediss://ann:secret@redis.example:6380" },
        { url: "rediss://redis.example:6380", username: "ann", password: "secret" },
      ]) {
        const error: unknown = await assertRedisFit(evicting, secured).catch((thrown: unknown) => thrown);
        const { message } = error as FerryError;
        expect(message).to.contain("`redis-cli -h redis.example -p 6380 --tls --user ann --askpass CONFIG SET");
        expect(message).not.to.contain("secret");
      }
    });

    for (const [version, fits] of [
      ["6.0.16", false],
      ["6.2.0", true],
      ["7.0.15", true],
      ["10.1.0", true],
    ] as const) {
      it(`${fits ? "takes" : "refuses"} version ${version}`, async () => {
        const facts = assertRedisFit(fakeRedis(`redis_version:${version}\r\nmaxmemory_policy:noeviction\r\n`), options);
        const code: unknown = await facts.then(
          () => "fits",
          (error: unknown) => (error as FerryError).code,
        );
        expect(code).to.equal(fits ? "fits" : "redis_too_old");
      });
    }

    it("knows Valkey by its own version, not by the Redis version it imitates", async () => {
      const facts = await assertRedisFit(
        fakeRedis("redis_version:7.2.4\r\nvalkey_version:8.1.0\r\nmaxmemory_policy:noeviction\r\n"),
        options,
      );
      expect(facts.version).to.equal("8.1.0");
    });
  });

  describe("reachability", () => {
    const folder = temporaryFolder();

    it("says within the deadline, in one sentence, that nobody listens", async () => {
      const port = await freePort();
      const url = `redis://:s3cret@127.0.0.1:${port}`;
      const error = await refusal(url, { connectDeadlineMs: 200 });
      expect(error).to.be.instanceOf(UnavailableError);
      expect(error.code).to.equal("redis_unreachable");
      expect(error.message).to.equal(
        `Redis at ${redactUrl(url)} does not answer (connect ECONNREFUSED 127.0.0.1:${port}): start it, or give its URL with --redis.`,
      );
      expect(JSON.stringify([error.message, error.details])).to.not.contain("s3cret");
    });

    it("says so of a server that takes connections and is silent", async () => {
      const silent = createServer(() => undefined).listen(0, "127.0.0.1");
      await once(silent, "listening");
      const { port } = silent.address() as { port: number };
      const error = await refusal(`redis://127.0.0.1:${port}`, { connectDeadlineMs: 200 });
      silent.close();
      expect(error.code).to.equal("redis_unreachable");
      expect(error.message).to.contain("rediss:// where it has TLS and redis:// where not");
    });

    it("says so of a server that is not Redis, and calls it no bug", async () => {
      const server = createHttpServer((_, response) => response.end()).listen(0, "127.0.0.1");
      await once(server, "listening");
      const url = `redis://127.0.0.1:${(server.address() as { port: number }).port}`;
      const error = await refusal(url, { connectDeadlineMs: 1_000 });
      server.close();
      expect(error).to.be.instanceOf(UnavailableError);
      expect([error.code, error.message]).to.deep.equal([
        "redis_unreachable",
        `What answers at ${url} is not Redis: give the URL of one with --redis.`,
      ]);
    });

    it("says at once what is wrong with a certificate, and what to do", async () => {
      const server = createTlsServer(SELF_SIGNED).on("tlsClientError", () => undefined);
      server.listen(0, "127.0.0.1");
      await once(server, "listening");
      const url = `rediss://127.0.0.1:${(server.address() as { port: number }).port}`;
      const caFile = folder.in("ca.pem");
      await writeFile(caFile, SELF_SIGNED.cert);
      try {
        for (const [options, text] of [
          [{}, "self-signed certificate"],
          [{ caFile }, "Hostname/IP does not match certificate's altnames: IP: 127.0.0.1 is not in the cert's list:"],
        ] as const) {
          const error = await refusal(url, { ...options, connectDeadlineMs: 60_000 });
          expect(error.code).to.equal("redis_certificate");
          expect(error.message).to.equal(
            `The certificate of Redis at ${url} is not trusted (${text}): ` +
              "name its authority with FERRY_REDIS_CA_FILE, and in the URL a host of the certificate.",
          );
        }
      } finally {
        server.close();
      }
    });

    it("refuses a database that Redis does not have, for queue and worker alike, and takes one that it has", async () => {
      const redis = await TestRedis.start({ args: ["--maxmemory-policy", "noeviction"] });
      try {
        const error = await refusal(`${redis.url}/16`);
        expect([error.code, error.message]).to.deep.equal([
          "redis_refused",
          `Redis at ${redis.url}/16 refuses a command: ERR DB index is out of range`,
        ]);
        const worker: unknown = await WorkerHost.start({
          redis: { url: `${redis.url}/16` },
          process: () => Promise.resolve({ kind: "done" }),
          onExhausted: () => Promise.resolve(),
        }).catch((thrown: unknown) => thrown);
        expect((worker as FerryError).code).to.equal("redis_refused");
        await (await MigrationQueue.open({ url: `${redis.url}/15` })).close();
      } finally {
        await redis.stop();
      }
    });

    it("refuses a URL without a host", async () => {
      for (const url of ["redis://", "redis:///1"]) {
        expect(await refusal(url)).to.be.instanceOf(UsageError);
      }
    });

    it("refuses a database that is no number", async () => {
      const error = await refusal("redis://:s3cret@127.0.0.1:6379/main");
      expect(error).to.be.instanceOf(UsageError);
      expect(error.message).to.match(
        /^"redis:\/\/:\*\*\*@127\.0\.0\.1:6379\/main" is not a Redis URL; .* \/1 .* database 1\.$/,
      );
    });

    it("says that the password is wrong or missing, and takes it from the options or the URL", async () => {
      const redis = await TestRedis.start({ args: ["--requirepass", "s3cret"] });
      try {
        expect((await refusal(redis.url)).code).to.equal("redis_auth");
        expect((await refusal(redis.url, { password: "wrong" })).code).to.equal("redis_auth");
        await (await MigrationQueue.open({ url: redis.url, password: "s3cret" })).close();
        await (await MigrationQueue.open({ url: `redis://:s3cret@127.0.0.1:${redis.port}` })).close();
      } finally {
        await redis.stop();
      }
    });

    it("refuses what is no Redis URL", async () => {
      for (const url of ["", "localhost:6379", "http://x", "redis//x"]) {
        expect(await refusal(url)).to.be.instanceOf(UsageError);
      }
    });

    it("refuses a CA file that cannot be read", async () => {
      const options = { url: "rediss://127.0.0.1:6379", caFile: "/nowhere/ca.pem" };
      const error: unknown = await MigrationQueue.open(options).catch((thrown: unknown) => thrown);
      expect(error).to.be.instanceOf(UsageError);
      expect((error as Error).message).to.contain("/nowhere/ca.pem");
    });

    it("fails a command within seconds when Redis goes away, instead of waiting for ever", async () => {
      const redis = await TestRedis.start();
      const queue = await MigrationQueue.open({ url: redis.url });
      await redis.stop();
      const error: unknown = await queue.enqueue([newRequest(newActor())]).catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: "redis_unreachable" });
      await queue.close();
    });

    it("says that Redis is full", async () => {
      const redis = await TestRedis.start({ args: ["--maxmemory", "3mb"] });
      const queue = await MigrationQueue.open({ url: redis.url });
      const error: unknown = await (async () => {
        for (;;) {
          await queue.enqueue(Array.from({ length: 500 }, () => newRequest(newActor())));
        }
      })().catch((thrown: unknown) => thrown);
      expect(error).to.include({ code: "redis_full" });
      await queue.close();
      await redis.stop();
    });
  });

  describe("redacted URLs", () => {
    for (const [text, redacted] of [
      ["redis://host:6379/0", "redis://host:6379/0"],
      ["redis://user:pass@host:6379", "redis://user:***@host:6379"],
      ["redis://:pass@host", "redis://:***@host"],
      ["rediss://u:p%40ss@host/1 and redis://v:q@h", "rediss://u:***@host/1 and redis://v:***@h"],
      ["redis://u:p@ss/w:rd@host", "redis://u:***@host"],
      ["mail someone@example.org about redis://host:1", "mail someone@example.org about redis://host:1"],
    ] as const) {
      it(`are ${redacted}`, () => {
        expect(redactUrl(text)).to.equal(redacted);
      });
    }
  });
});
