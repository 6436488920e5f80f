import { randomBytes } from "node:crypto";

import { Queue } from "bullmq";
import type { Redis } from "ioredis";

import { InvariantError } from "../errors.ts";
import type { ActorId } from "../formats/actor-id.ts";
import type { MigrationRequest } from "./migration-request.ts";
import { pollUntil, type PollOptions } from "./polling.ts";
import { QueueScripts, type QueueCounts } from "./queue-scripts.ts";
import { closeRedis, openRedis } from "./redis-connection.ts";
import { redisUnavailable } from "./redis-errors.ts";
import { assertRedisFit, readRedisFacts, type RedisFacts } from "./redis-fit.ts";
import { DEFAULT_PREFIX, QUEUE_NAME, queueKeyPrefix, type RedisOptions } from "./redis-options.ts";
import { TurnScripts } from "./turn-scripts.ts";

/** Jobs per round trip of `enqueue`: a pipeline of 250 keeps Redis busy for some ten milliseconds. */
const BATCH_SIZE = 250;
/** Adds of one request that met a job just as it ended; more in a row means that the queue's keys contradict each other. */
const MAX_ROUNDS = 50;
/** How many finished jobs stay visible; the ledger holds every outcome, so this is for looking at Redis only. */
const KEPT_COMPLETED = { count: 100, age: 3_600 };
const KEPT_FAILED = { count: 1_000, age: 7 * 86_400 };
/** Entries of BullMQ's event stream; nothing of Ferry's reads it. */
const EVENT_STREAM_LENGTH = 1_000;

/**
 * What became of a request: `enqueued` as a job of its own; `already_queued`: merged into the actor's waiting job, which takes over the
 * latest request's options; `queued_after_active`: will run when the actor's active job ends.
 */
export type EnqueueAnswer = "enqueued" | "already_queued" | "queued_after_active";

/** One answer per request, in order, and their counts. */
export interface EnqueueReport {
  readonly enqueued: number;
  readonly alreadyQueued: number;
  readonly queuedAfterActive: number;
  readonly results: readonly { readonly actorId: ActorId; readonly answer: EnqueueAnswer }[];
}

/** Most jobs that producers leave put off, so that deferred actors cannot fill Redis either. */
export const MOST_PUT_OFF = 50_000;

/** At most `window` jobs waiting, and at most `mostPutOff` (default 50,000) put off. */
export interface RoomOptions extends PollOptions {
  readonly window: number;
  readonly mostPutOff?: number | undefined;
  /** Told at every look that finds no room, of what there is too much. */
  readonly onFull?: ((of: "waiting" | "put_off") => void) | undefined;
}

/** How long Redis may take to answer the first time, in milliseconds. Default 5,000. */
export interface MigrationQueueSettings {
  readonly connectDeadlineMs?: number;
}

/**
 * The producer's and observer's side of the queue. Every method fails within seconds when Redis does not answer,
 * with UnavailableError `redis_unreachable`, `redis_auth`, `redis_certificate`, `redis_full` or `redis_read_only`.
 */
export class MigrationQueue {
  /** What Redis said of itself when the queue was opened. */
  readonly facts: RedisFacts;
  readonly #options: RedisOptions;
  readonly #redis: Redis;
  readonly #queue: Queue;
  readonly #scripts: QueueScripts;
  readonly #turns: TurnScripts;

  /** @throws UnavailableError when Redis cannot be reached or is not fit, see `assertRedisFit`. */
  static async open(options: RedisOptions, settings: MigrationQueueSettings = {}): Promise<MigrationQueue> {
    const redis = await openRedis(options, { role: "command", ...settings });
    try {
      return new MigrationQueue(options, redis, await assertRedisFit(redis, options));
    } catch (error) {
      await closeRedis(redis);
      throw error;
    }
  }

  private constructor(options: RedisOptions, redis: Redis, facts: RedisFacts) {
    this.facts = facts;
    this.#options = options;
    this.#redis = redis;
    this.#scripts = new QueueScripts(redis, queueKeyPrefix(options));
    this.#turns = new TurnScripts(redis, queueKeyPrefix(options));
    this.#queue = new Queue(QUEUE_NAME, {
      connection: redis,
      prefix: options.prefix ?? DEFAULT_PREFIX,
      streams: { events: { maxLen: EVENT_STREAM_LENGTH } },
      defaultJobOptions: { removeOnComplete: KEPT_COMPLETED, removeOnFail: KEPT_FAILED },
    });
    // What is lost between two commands shows in the next one; without a listener it would end the process.
    this.#queue.on("error", () => undefined);
  }

  /**
   * Puts requests on the queue, each actor at most once at a time over all workers; no request is lost: see `EnqueueAnswer`.
   * After an error some may be queued and some not; asking again is safe. With turns (1 and up, lower first) jobs come after those
   * without.
   */
  async enqueue(
    requests: readonly MigrationRequest[],
    options: { readonly turnOf?: (index: number) => number } = {},
  ): Promise<EnqueueReport> {
    const adding: Promise<readonly EnqueueAnswer[]>[] = [];
    try {
      for (let start = 0; start < requests.length; start += BATCH_SIZE) {
        const batch = requests.slice(start, start + BATCH_SIZE);
        const added = this.#call(() => this.#addBatch(batch, (index) => options.turnOf?.(start + index)));
        // Awaited below; a failure that comes before the batch ahead of it has ended is not an unhandled rejection.
        added.catch(() => undefined);
        adding.push(added);
        // Redis runs one while the next is made.
        await adding.at(-2);
      }
      await Promise.all(adding);
    } finally {
      await Promise.allSettled(adding);
    }
    const answers = (await Promise.all(adding)).flat();
    const results = requests.map(({ actorId }, index) => ({ actorId, answer: answers[index] ?? "enqueued" }));
    const count = (wanted: EnqueueAnswer): number => answers.filter((answer) => answer === wanted).length;
    return {
      enqueued: count("enqueued"),
      alreadyQueued: count("already_queued"),
      queuedAfterActive: count("queued_after_active"),
      results,
    };
  }

  /** How many jobs are where; one round trip. */
  counts(): Promise<QueueCounts> {
    return this.#call(() => this.#scripts.counts(Date.now()));
  }

  /** Worker processes with a connection to this queue; undefined where Redis does not let us ask. */
  async connectedWorkers(): Promise<number | undefined> {
    try {
      const clients = (await this.#redis.client("LIST")) as string;
      const name = `${this.#options.prefix ?? DEFAULT_PREFIX}:${Buffer.from(QUEUE_NAME).toString("base64")}`;
      return clients.split("\n").filter((line) => line.includes(` name=${name} `) || line.includes(` name=${name}:w:`))
        .length;
    } catch (error) {
      if (error instanceof Error && /^(NOPERM|ERR unknown command)/.test(error.message)) {
        return undefined;
      }
      throw redisUnavailable(this.#options.url, error);
    }
  }

  /**
   * Which of these actors have no job that waits, runs or is put off; one round trip. A job of no campaign that is put off because the actor
   * is awake counts as none: it has no end.
   */
  async missing(actorIds: readonly ActorId[]): Promise<ActorId[]> {
    const live = await this.#call(() => this.#scripts.areLive(actorIds));
    return actorIds.filter((_, index) => live[index] !== true);
  }

  /** The turn of the job that is next, or the last one given when none waits; undefined when none was given since Redis was empty. */
  turn(): Promise<number | undefined> {
    return this.#call(() => this.#turns.next());
  }

  /** Moves the turns of all jobs that have not ended back by so many; what one of them waits for stays the same. */
  rebaseTurns(by: number): Promise<void> {
    return this.#call(() => this.#turns.rebase(by));
  }

  /** Removes a campaign's jobs of these actors, unless they run or have become somebody else's. @returns the actors of those removed. */
  async withdraw(campaign: string, ids: readonly ActorId[]): Promise<ActorId[]> {
    const withdrawn = await this.#call(() => this.#scripts.withdraw(campaign, ids));
    return ids.filter((_, index) => withdrawn[index] === true);
  }

  /** Memory and eviction policy as Redis reports them now. */
  redisFacts(): Promise<RedisFacts> {
    return this.#call(() => readRedisFacts(this.#redis));
  }

  /** Writes one small key that expires by itself: a Redis that only reads is not healthy. */
  async probeWrite(): Promise<void> {
    await this.#call(() => this.#redis.set(`${queueKeyPrefix(this.#options)}ferry-probe`, Date.now(), "EX", 60));
  }

  /**
   * Waits until fewer than `window` jobs wait, and returns how many may be added. Several producers can overshoot by a batch each.
   * @throws the signal's reason.
   */
  waitForRoom({ window, mostPutOff = MOST_PUT_OFF, onFull, ...poll }: RoomOptions): Promise<number> {
    return pollUntil(async () => {
      const { waiting, delayed } = await this.counts();
      const room = Math.min(window - waiting, mostPutOff - delayed);
      if (room > 0) {
        return room;
      }
      onFull?.(waiting >= window ? "waiting" : "put_off");
      return undefined;
    }, poll);
  }

  /**
   * Waits until nothing waits or runs on the whole queue. Deferred actors do not count: they stay for later. Retries after an error do:
   * an end before them would leave actors without an outcome.
   */
  async drained(options: PollOptions = {}): Promise<void> {
    await pollUntil(async () => ((await this.#call(() => this.#scripts.isDrained())) ? true : undefined), options);
  }

  /** Releases the connection; idempotent. */
  async close(): Promise<void> {
    await this.#queue.close().catch(() => undefined);
    await closeRedis(this.#redis);
  }

  async #addBatch(
    requests: readonly MigrationRequest[],
    turnOf: (index: number) => number | undefined,
  ): Promise<readonly EnqueueAnswer[]> {
    const turns = requests.map((_, index) => turnOf(index) ?? 0);
    const noted = this.#turns.note(Math.max(...turns));
    const answers = new Array<EnqueueAnswer>(requests.length).fill("enqueued");
    let open = requests.map((request, index) => ({ request, index }));
    for (let round = 0; open.length > 0; round += 1) {
      if (round === MAX_ROUNDS) {
        throw new InvariantError(
          "The queue neither takes nor holds a request; its keys in Redis contradict each other.",
          {
            details: { actorId: open[0]?.request.actorId },
          },
        );
      }
      // An id of its own per add tells a new job from one that was there: BullMQ answers with the id of the job that holds the actor.
      const add = randomBytes(6).toString("hex");
      const ids = open.map(({ request }, index) => `${request.actorId}-${add}-${index}`);
      // Sent ahead and awaited with the jobs: turns are asked for between calls.
      const [jobs] = await Promise.all([
        this.#queue.addBulk(
          open.map(({ request, index: position }, index) => {
            const priority = turnOf(position);
            return {
              name: "migrate",
              data: request,
              opts: {
                jobId: ids[index] ?? "",
                deduplication: { id: request.actorId, keepLastIfActive: true },
                ...(priority === undefined ? {} : { priority }),
              },
            };
          }),
        ),
        noted,
      ]);
      open.forEach(({ index }) => {
        answers[index] = "enqueued";
      });
      const duplicates = open
        .map((add, place) => ({ ...add, jobId: ids[place] ?? "", metId: jobs[place]?.id ?? "" }))
        .filter(({ jobId, metId }) => jobId !== metId);
      const settled = await this.#scripts.settleDuplicates(duplicates);
      for (const { index, state } of settled) {
        answers[index] = state === "kept" ? "queued_after_active" : "already_queued";
      }
      open = settled.filter(({ state }) => state === "again");
    }
    return answers;
  }

  async #call<T>(command: () => Promise<T>): Promise<T> {
    try {
      return await command();
    } catch (error) {
      throw redisUnavailable(this.#options.url, error);
    }
  }
}
