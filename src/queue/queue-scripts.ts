import type { Redis } from "ioredis";
import { type MigrationRequest, parseRequest } from "./migration-request.ts";

/*
 * What BullMQ leaves open, as a few small scripts over its keys (docs/decisions/queue-exclusivity.md has the reasons):
 *
 *   <base>wait, active     lists of job ids          <base>de:<actor>  id of the job that holds the actor
 *   <base>delayed, failed  sorted sets of job ids    <base>dn:<actor>  hash: the request kept until that job ends
 *   <base>prioritized      sorted set of job ids     <base><job id>    hash: the job
 *   <base>stalled          set of job ids            <base><job id>:lock  the token of the worker that has it
 *
 * In `stalled` are jobs whose lock is looked for; in `prioritized` those that have a turn, see turn-scripts.ts.
 *
 * They rely on the layout of the BullMQ version that package.json pins; test/queue/ fails when it changes.
 */

/** The field that tells a delayed job which waits for its actor from one that waits after an error. */
export const PUT_OFF_REASON_FIELD = "failedReason";
/** Its value for a deferred actor; a retry has the error's code there. */
export const DEFERRED_MARK = "deferred";

/**
 * Where a job is. Looked up in the list of those that wait a few times, which is read once for more: to look each of 500 up in one of 100,000
 * (LPOS) held Redis up for a second, to read it for a tenth of one.
 */
const IS_LIVE = `
local looks, waiting = 0, nil
local function isWaiting(base, id)
  looks = looks + 1
  if looks <= 20 then return redis.call('LPOS', base .. 'wait', id) end
  if not waiting then
    waiting = {}
    for _, each in ipairs(redis.call('LRANGE', base .. 'wait', 0, -1)) do waiting[each] = true end
  end
  return waiting[id]
end
local function isActive(base, id) return redis.call('LPOS', base .. 'active', id) end
local function isPending(base, id)
  return redis.call('ZSCORE', base .. 'delayed', id) or redis.call('ZSCORE', base .. 'prioritized', id) or isWaiting(base, id)
end`;

const LATER = `
local function requestedAt(json) return json and string.match(json, '"requestedAt":"([^"]+)"') or '' end
local function later(a, b) if requestedAt(a) >= requestedAt(b) then return a else return b end end`;

/**
 * Says what became of adds that BullMQ answered with another job's id, and makes sure that of all requests not served yet the latest is
 * the one that will be. BullMQ keeps what arrived last behind an active job, and drops what arrives while a job waits; so the latest is
 * noted on the active job too (`ferryLatest`), for the time that job has. A campaign's request does not wait for a job that is put off as
 * its actor is awake, ten minutes perhaps: that job goes, and a new one has the campaign's turn.
 * KEYS: base. ARGV, per add: actor id, id of the job that was not added, its payload, id of the job it met. Answers, per add, a state, and the
 * payload to add again: the latest known, as an add that came late to Redis may have taken the place of one that was settled.
 */
const SETTLE_DUPLICATES = `${IS_LIVE}${LATER}
local base = KEYS[1]
local function latestOn(job) return redis.call('HGET', base .. job, 'ferryLatest') end

local function settle(actor, id, payload, met)
  local holderKey, keptKey = base .. 'de:' .. actor, base .. 'dn:' .. actor
  local function again() return { 'again', later(payload, latestOn(met)) } end

  local holder = redis.call('GET', holderKey)
  if not holder then return again() end
  if holder == id and redis.call('EXISTS', base .. id) == 1 then
    local held = redis.call('HGET', base .. id, 'data')
    local latest = later(later(payload, latestOn(met)), held)
    if requestedAt(latest) ~= requestedAt(held) and not isPending(base, id) then return again() end
    redis.call('HSET', base .. id, 'data', latest)
    return { 'kept', '' }
  end
  local kept = redis.call('HGET', keptKey, 'data')
  if isActive(base, holder) then
    if not kept then return again() end
    local latest = later(later(payload, kept), latestOn(holder))
    redis.call('HSET', keptKey, 'data', latest)
    redis.call('HSET', base .. holder, 'ferryLatest', latest)
    return { 'kept', '' }
  end
  if redis.call('EXISTS', base .. holder) == 0 or not isPending(base, holder) then
    redis.call('DEL', holderKey)
    return again()
  end
  local held, reason = unpack(redis.call('HMGET', base .. holder, 'data', '${PUT_OFF_REASON_FIELD}'))
  local latest = later(later(payload, held), later(kept, latestOn(holder)))
  if string.find(payload, '"campaign":"', 1, true) and reason == '${DEFERRED_MARK}'
    and redis.call('ZREM', base .. 'delayed', holder) == 1 then
    redis.call('DEL', base .. holder, holderKey, keptKey)
    return { 'again', latest }
  end
  redis.call('HSET', base .. holder, 'data', latest)
  redis.call('HDEL', base .. holder, 'ferryLatest')
  redis.call('DEL', keptKey)
  return { 'merged', '' }
end

local settled = {}
for index = 1, #ARGV, 4 do
  table.insert(settled, settle(ARGV[index], ARGV[index + 1], ARGV[index + 2], ARGV[index + 3]))
end
return settled`;

/**
 * Gives a job that starts once more the actor, unless another live job has it.
 * KEYS: base. ARGV: actor id, job id. Answers 1, or 0 when this job has to make way.
 */
const CLAIM = `${IS_LIVE}
local base, actor, id = KEYS[1], ARGV[1], ARGV[2]
local holderKey = base .. 'de:' .. actor
local holder = redis.call('GET', holderKey)
if holder and holder ~= id and redis.call('EXISTS', base .. holder) == 1
  and (isActive(base, holder) or isPending(base, holder)) then
  redis.call('HDEL', base .. id, 'deid')
  return 0
end
redis.call('SET', holderKey, id)
return 1`;

/**
 * Renews locks as BullMQ does, but with PEXPIRE in place of SET, which a Redis at its maxmemory refuses: jobs that are under way then keep
 * their locks, and end. KEYS: base. ARGV: milliseconds, then a job id and its token by turns. Answers the ids whose lock is not ours.
 */
const EXTEND_LOCKS = `
local base, lost = KEYS[1], {}
for index = 2, #ARGV, 2 do
  local id, lock = ARGV[index], base .. ARGV[index] .. ':lock'
  if redis.call('GET', lock) == ARGV[index + 1] then
    redis.call('PEXPIRE', lock, ARGV[1])
    redis.call('SREM', base .. 'stalled', id)
  else
    table.insert(lost, id)
  end
end
return lost`;

/** KEYS: base. Answers waiting, prioritized, active, delayed, failed, paused (0 or 1), and the time of the job that is next, or false. */
const COUNTS = `
local base = KEYS[1]
local oldest = redis.call('LINDEX', base .. 'wait', -1) or redis.call('ZRANGE', base .. 'prioritized', 0, 0)[1] or false
return {
  redis.call('LLEN', base .. 'wait'), redis.call('ZCARD', base .. 'prioritized'), redis.call('LLEN', base .. 'active'),
  redis.call('ZCARD', base .. 'delayed'), redis.call('ZCARD', base .. 'failed'), redis.call('HEXISTS', base .. 'meta', 'paused'),
  oldest and redis.call('HGET', base .. oldest, 'timestamp')
}`;

/** KEYS: base. ARGV: the field and the mark of deferred jobs. 1 when nothing waits, runs, or waits to be tried again after an error. */
const IS_DRAINED = `
local base = KEYS[1]
if redis.call('LLEN', base .. 'wait') + redis.call('LLEN', base .. 'active') + redis.call('ZCARD', base .. 'prioritized') > 0 then
  return 0
end
for _, id in ipairs(redis.call('ZRANGE', base .. 'delayed', 0, -1)) do
  if redis.call('HGET', base .. id, ARGV[1]) ~= ARGV[2] then return 0 end
end
return 1`;

/**
 * KEYS: base. ARGV: the field and the mark of deferred jobs, then actor ids. Per actor 1 when a job holds it whose end can be waited for.
 * One that is put off because its actor is awake, and is no campaign's, comes back for as long as that lasts: it has no end.
 */
const ARE_LIVE = `${IS_LIVE}
local base, field, mark = KEYS[1], ARGV[1], ARGV[2]
local function isLive(id)
  if redis.call('EXISTS', base .. id) == 0 then return false end
  if redis.call('ZSCORE', base .. 'delayed', id) then
    local reason, payload = unpack(redis.call('HMGET', base .. id, field, 'data'))
    return reason ~= mark or string.find(payload or '', '"campaign":"', 1, true)
  end
  return isActive(base, id) or isPending(base, id)
end
local live = {}
for index = 3, #ARGV do
  local holder = redis.call('GET', base .. 'de:' .. ARGV[index])
  live[index - 2] = holder and isLive(holder) and 1 or 0
end
return live`;

/**
 * Removes a campaign's jobs that do not run. Looks for each in the lists rather than at its state: one that a worker takes meanwhile is in
 * none of them. A job that an operator's request was merged into is no longer the campaign's, and stays; so does one that came back from a
 * worker with such a request kept behind it, which is the one that it serves from here on.
 * KEYS: base. ARGV: campaign, actor ids. Per actor 1 when its job was removed.
 */
const WITHDRAW = `${IS_LIVE}${LATER}
local base, campaign = KEYS[1], ARGV[1]
local function leave(id)
  return redis.call('ZREM', base .. 'prioritized', id) == 1 or redis.call('ZREM', base .. 'delayed', id) == 1
    or redis.call('LREM', base .. 'wait', 1, id) == 1
end
local withdrawn = {}
for index = 2, #ARGV do
  local holderKey, keptKey = base .. 'de:' .. ARGV[index], base .. 'dn:' .. ARGV[index]
  local holder = redis.call('GET', holderKey)
  local data = holder and redis.call('HGET', base .. holder, 'data')
  local kept = data and redis.call('HGET', keptKey, 'data')
  if kept and isPending(base, holder) then
    data = later(later(kept, redis.call('HGET', base .. holder, 'ferryLatest')), data)
    redis.call('HSET', base .. holder, 'data', data)
    redis.call('HDEL', base .. holder, 'ferryLatest')
    redis.call('DEL', keptKey)
  end
  local isRemoved = data and cjson.decode(data).campaign == campaign and leave(holder)
  if isRemoved then redis.call('DEL', holderKey, base .. holder) end
  withdrawn[index - 1] = isRemoved and 1 or 0
end
return withdrawn`;

interface ScriptedRedis extends Redis {
  ferrySettleDuplicates(base: string, ...adds: readonly string[]): Promise<[DuplicateState, string][]>;
  ferryClaim(base: string, actorId: string, jobId: string): Promise<number>;
  ferryExtendLocks(base: string, ms: number, ...idsAndTokens: readonly string[]): Promise<string[]>;
  ferryCounts(base: string): Promise<[number, number, number, number, number, number, string | null]>;
  ferryIsDrained(base: string, field: string, mark: string): Promise<number>;
  ferryAreLive(base: string, field: string, mark: string, ...actorIds: readonly string[]): Promise<number[]>;
  ferryWithdraw(base: string, campaign: string, ...actorIds: readonly string[]): Promise<number[]>;
}

/**
 * `merged` into the job that waits; `kept` to run after the active one; `again`: the job it met is gone, so it has to be added
 * once more.
 */
export type DuplicateState = "merged" | "kept" | "again";

/** An add that BullMQ answered with the id of another job. */
export interface MetAdd {
  readonly jobId: string;
  readonly request: MigrationRequest;
  readonly metId: string;
}

/** How many jobs are in which state. */
export interface QueueCounts {
  readonly waiting: number;
  readonly active: number;
  /** Put off: deferred actors, and retries after an error. */
  readonly delayed: number;
  readonly failed: number;
  readonly isPaused: boolean;
  /** How long the job that is next has been there, the oldest of its priority, in milliseconds; 0 when none waits. */
  readonly oldestWaitingMs: number;
}

/** The scripts on one connection and one queue. */
export class QueueScripts {
  readonly #redis: ScriptedRedis;
  readonly #base: string;

  /** `base` is what the queue's keys start with. */
  constructor(redis: Redis, base: string) {
    for (const [name, lua] of Object.entries({
      ferrySettleDuplicates: SETTLE_DUPLICATES,
      ferryClaim: CLAIM,
      ferryExtendLocks: EXTEND_LOCKS,
      ferryCounts: COUNTS,
      ferryIsDrained: IS_DRAINED,
      ferryAreLive: ARE_LIVE,
      ferryWithdraw: WITHDRAW,
    })) {
      redis.defineCommand(name, { numberOfKeys: 1, lua });
    }
    this.#redis = redis as ScriptedRedis;
    this.#base = base;
  }

  /** Settles adds that met another job. @returns each with what became of it; `request` is what to add where that is `again`. */
  async settleDuplicates<A extends MetAdd>(adds: readonly A[]): Promise<(A & { readonly state: DuplicateState })[]> {
    const args = adds.flatMap(({ jobId, request, metId }) => [request.actorId, jobId, JSON.stringify(request), metId]);
    const answers = args.length === 0 ? [] : await this.#redis.ferrySettleDuplicates(this.#base, ...args);
    return adds.map((add, index) => {
      const [state, latest] = answers[index] ?? ["again", ""];
      return { ...add, state, request: (latest === "" ? undefined : parseRequest(JSON.parse(latest))) ?? add.request };
    });
  }

  /** Per actor, whether a job holds it whose end can be waited for. */
  async areLive(actorIds: readonly string[]): Promise<boolean[]> {
    if (actorIds.length === 0) {
      return [];
    }
    const answers = await this.#redis.ferryAreLive(this.#base, PUT_OFF_REASON_FIELD, DEFERRED_MARK, ...actorIds);
    return answers.map((answer) => answer === 1);
  }

  /** Per actor, whether its job was the campaign's, did not run, and was removed. */
  async withdraw(campaign: string, actorIds: readonly string[]): Promise<boolean[]> {
    const answers = actorIds.length === 0 ? [] : await this.#redis.ferryWithdraw(this.#base, campaign, ...actorIds);
    return answers.map((answer) => answer === 1);
  }

  /** Whether the job holds its actor, or could take it back. */
  async claim(actorId: string, jobId: string): Promise<boolean> {
    return (await this.#redis.ferryClaim(this.#base, actorId, jobId)) === 1;
  }

  /** Has Redis hold the locks of jobs for so long from now. @returns the jobs whose lock is not ours any more. */
  async extendLocks(jobIds: readonly string[], tokens: readonly string[], lockMs: number): Promise<string[]> {
    const idsAndTokens = jobIds.flatMap((jobId, index) => [jobId, tokens[index] ?? ""]);
    return this.#redis.ferryExtendLocks(this.#base, lockMs, ...idsAndTokens);
  }

  async counts(nowMs: number): Promise<QueueCounts> {
    const [waiting, prioritized, active, delayed, failed, paused, oldest] = await this.#redis.ferryCounts(this.#base);
    return {
      waiting: waiting + prioritized,
      active,
      delayed,
      failed,
      isPaused: paused === 1,
      oldestWaitingMs: oldest === null ? 0 : Math.max(0, nowMs - Number(oldest)),
    };
  }

  async isDrained(): Promise<boolean> {
    return (await this.#redis.ferryIsDrained(this.#base, PUT_OFF_REASON_FIELD, DEFERRED_MARK)) === 1;
  }
}
