/** The commands of `ferry`, in the order of its help. Each registers itself; a new one is a file here and a line below. */
export { registerStore } from "./store.ts";
export { registerV1 } from "./v1.ts";
export { registerV2 } from "./v2.ts";
export { registerInspect } from "./inspect.ts";
export { registerEnqueue } from "./enqueue.ts";
export { registerRequeue } from "./requeue.ts";
export { registerWorker } from "./worker.ts";
export { registerFeeder } from "./feeder.ts";
export { registerRejected } from "./rejected.ts";
export { registerWaive } from "./waive.ts";
export { registerOutcomes } from "./outcomes.ts";
export { registerCampaign } from "./campaign.ts";
export { registerThrottle } from "./throttle.ts";
export { registerVerify } from "./verify.ts";
export { registerRollback } from "./rollback.ts";
export { registerCleanup } from "./cleanup.ts";
