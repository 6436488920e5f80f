/** The commands of `ferry`, in the order of its help. Each registers itself; a new one is a file here and a line below. */
export { registerStore } from "./store.ts";
export { registerEnqueue } from "./enqueue.ts";
export { registerWorker } from "./worker.ts";
export { registerOutcomes } from "./outcomes.ts";
