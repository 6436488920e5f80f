import type { Redis } from "ioredis";

/*
 * The order in which campaigns' jobs are taken (src/campaign/feeder/fair-order.ts). A job's turn is BullMQ's priority: times 2^32, plus a
 * counter, it is the job's score in `<base>prioritized`, and the job keeps it in its hash for when it comes back. `<base>ferry-turn` holds
 * the highest turn given.
 *
 * The scripts rely on the layout of the BullMQ version that package.json pins; test/queue/ fails when it changes.
 */

/** KEYS: base. ARGV: the highest turn of jobs that are about to be added. */
const NOTE_TURN = `
local key = KEYS[1] .. 'ferry-turn'
if tonumber(ARGV[1]) > tonumber(redis.call('GET', key) or '0') then redis.call('SET', key, ARGV[1]) end`;

/** KEYS: base. The turn of the job that is next, else the highest given, else false. */
const TURN = `
local head = redis.call('ZRANGE', KEYS[1] .. 'prioritized', 0, 0, 'WITHSCORES')
if head[2] then return math.floor(tonumber(head[2]) / 0x100000000) end
return tonumber(redis.call('GET', KEYS[1] .. 'ferry-turn') or nil)`;

/** KEYS: base. ARGV: by how much. As many steps as jobs that wait, run or are put off: a window of each campaign. */
const REBASE_TURNS = `
local base, by = KEYS[1], tonumber(ARGV[1])
local function rebased(turn) return math.max(1, turn - by) end
local function rebase(id)
  local turn = tonumber(redis.call('HGET', base .. id, 'priority') or '0')
  if turn > 0 then redis.call('HSET', base .. id, 'priority', rebased(turn)) end
end
local waiting = redis.call('ZRANGE', base .. 'prioritized', 0, -1, 'WITHSCORES')
for index = 1, #waiting, 2 do
  local id, score = waiting[index], tonumber(waiting[index + 1])
  redis.call('ZADD', base .. 'prioritized', rebased(math.floor(score / 0x100000000)) * 0x100000000 + score % 0x100000000, id)
  rebase(id)
end
for _, id in ipairs(redis.call('LRANGE', base .. 'active', 0, -1)) do rebase(id) end
for _, id in ipairs(redis.call('ZRANGE', base .. 'delayed', 0, -1)) do rebase(id) end
redis.call('SET', base .. 'ferry-turn', rebased(tonumber(redis.call('GET', base .. 'ferry-turn') or '1')))`;

interface ScriptedRedis extends Redis {
  ferryNoteTurn(base: string, turn: number): Promise<null>;
  ferryTurn(base: string): Promise<number | null>;
  ferryRebaseTurns(base: string, by: number): Promise<null>;
}

/** The turns of one queue's jobs, on one connection. */
export class TurnScripts {
  readonly #redis: ScriptedRedis;
  readonly #base: string;

  /** `base` is what the queue's keys start with. */
  constructor(redis: Redis, base: string) {
    redis.defineCommand("ferryNoteTurn", { numberOfKeys: 1, lua: NOTE_TURN });
    redis.defineCommand("ferryTurn", { numberOfKeys: 1, lua: TURN });
    redis.defineCommand("ferryRebaseTurns", { numberOfKeys: 1, lua: REBASE_TURNS });
    this.#redis = redis as ScriptedRedis;
    this.#base = base;
  }

  /** Notes a turn that is about to be given; 0 is none. */
  async note(turn: number): Promise<void> {
    if (turn > 0) {
      await this.#redis.ferryNoteTurn(this.#base, turn);
    }
  }

  /** The turn of the job that is next, or the last one given when none waits; undefined when none was given since Redis was empty. */
  async next(): Promise<number | undefined> {
    return (await this.#redis.ferryTurn(this.#base)) ?? undefined;
  }

  /** Moves the turns of all jobs that have not ended back by so many. */
  async rebase(by: number): Promise<void> {
    await this.#redis.ferryRebaseTurns(this.#base, by);
  }
}
