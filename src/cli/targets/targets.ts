import { readCampaign } from "../../campaign/campaign-store.ts";
import type { Config } from "../../config/config.ts";
import { UsageError } from "../../errors.ts";
import { chooseTarget, type TargetName } from "../../migration/targets/choose-target.ts";
import type { DepotOptions, Neighbour } from "../../migration/targets/depot/depot-options.ts";
import { makeDepotTarget } from "../../migration/targets/depot/depot-target.ts";
import { storageTarget } from "../../migration/targets/storage/storage-target.ts";
import type { Target } from "../../migration/targets/target.ts";
import type { RequestOptions } from "../../queue/migration-request.ts";
import type { Store } from "../../store/store.ts";
import { effectiveConfig, namespaceOf, requestOptions } from "../migration-options.ts";
import type { Run } from "../run.ts";

/** How long a look at the cluster holds where the configuration names no target: one for every small actor would be half of all transactions. */
const UNSAID_MS = 10_000;

/** The forms of v2 that a process writes or reads: a job's or a campaign's own, else the configured one. */
export class Targets {
  readonly #config: Config;
  readonly #store: Store;
  readonly #now: () => number;
  readonly #depot: Partial<DepotOptions>;
  readonly #neighbour: Neighbour = {};
  #configured: Promise<TargetName> | undefined;
  #configuredAtMs = 0;

  /**
   * @param now milliseconds since the epoch.
   * @param depot beside the configured options, or in their place.
   * @throws UsageError for a namespace that is none: now, and not with the first job.
   */
  constructor(config: Config, store: Store, now: () => number = Date.now, depot: Partial<DepotOptions> = {}) {
    namespaceOf(config);
    this.#config = config;
    this.#store = store;
    this.#now = now;
    this.#depot = depot;
  }

  /** The target that options name; without a name the configured one. @throws UsageError where it cannot be told. */
  async of(options: RequestOptions = {}): Promise<Target> {
    const config = effectiveConfig(this.#config, options);
    const name =
      options["target"] === undefined ? await this.configured() : await chooseTarget(this.#store, config.target);
    return name === "storage"
      ? storageTarget
      : makeDepotTarget({ ...depotOptions(config), neighbour: this.#neighbour, ...this.#depot });
  }

  /**
   * What the configuration comes to, looked up in the cluster once; where it says nothing, every few seconds, as Depot may come to be
   * used meanwhile. @throws UsageError where it cannot be told.
   */
  async configured(): Promise<TargetName> {
    const { given, target } = this.#config;
    const said = given.has("target") ? target : undefined;
    if (said === undefined && this.#now() >= this.#configuredAtMs + UNSAID_MS) {
      this.#configured = undefined;
    }
    if (this.#configured === undefined) {
      this.#configuredAtMs = this.#now();
      this.#configured = chooseTarget(this.#store, said).catch((error: unknown) => {
        this.#configured = undefined;
        throw error;
      });
    }
    return this.#configured;
  }
}

/** How the configuration has Depot used. @throws UsageError for a namespace that is none */
export function depotOptions(config: Config): DepotOptions {
  return {
    now: Date.now,
    runnersDrained: config.runnersDrained === "yes",
    protocolSettleMs: config.protocolSettleMs,
    maxPages: config.maxPages,
    namespace: namespaceOf(config),
  };
}

/**
 * The target of a campaign, frozen when it was created; of one that is older than that, the configured one. `depot`: see `Targets`.
 * @throws UsageError when there is no such campaign, or a flag names another target than the campaign's.
 */
export async function targetOfCampaign(
  config: Config,
  store: Store,
  name: string,
  depot?: Partial<DepotOptions>,
): Promise<Target> {
  const { options } = (await store.transact(async (tx) => readCampaign(tx, name), { label: "campaign" })).spec;
  const frozen = options["target"];
  if (config.given.get("target") === "flag" && frozen !== undefined && frozen !== config.target) {
    throw new UsageError(`Campaign "${name}" was created with target ${String(frozen)}: leave --target out.`);
  }
  return new Targets(config, store, Date.now, depot).of(options);
}

/** What jobs of one command ask for: `auto` is decided here, once for all of them. @throws UsageError */
export async function jobOptions(config: Config, store: Store): Promise<RequestOptions> {
  const options = requestOptions(config);
  return options["target"] === undefined ? options : { ...options, target: await chooseTarget(store, config.target) };
}

/** Says where jobs name no target, and workers may refuse them that are told none either: what they are told is not known here. */
export async function noteUnsaidTarget(
  run: Pick<Run, "config" | "notes">,
  store: Store,
  asked: RequestOptions,
): Promise<void> {
  if (asked["target"] !== undefined || run.config.given.has("target")) {
    return;
  }
  await chooseTarget(store, undefined).catch((error: unknown) => {
    if (!(error instanceof UsageError)) {
      throw error;
    }
    run.notes.say(
      "The cluster holds rows of Depot, and these jobs name no target: a worker that is told none fails them. Say --target depot, or --target storage.",
    );
  });
}

/** What jobs of a campaign ask for: its target is always among it, so that no worker's configuration mixes another in. @throws UsageError */
export async function campaignOptions(config: Config, store: Store): Promise<RequestOptions & { target: TargetName }> {
  const target = await new Targets(config, store).configured();
  const options = requestOptions(config);
  if (options["namespace"] !== undefined && target !== "depot") {
    throw new UsageError("--namespace goes with --target depot: the other form of v2 has no namespaces.");
  }
  return { ...options, target };
}
