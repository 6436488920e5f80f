import { expect } from "chai";
import { queueSink, type QueueSinkOptions } from "../../../src/cli/produce/queue-sink.ts";
import type { RoomOptions } from "../../../src/queue/migration-queue.ts";

describe("the queue as a producer's sink", () => {
  it("says once of what there is too much on the queue, waiting jobs or ones that are put off", async () => {
    const looks = ["waiting", "waiting", "put_off", "waiting", "put_off"] as const;
    const told: string[] = [];
    const settings: QueueSinkOptions = { options: {}, window: 10, onFull: (of) => told.push(of) };
    const queue = {
      enqueue: () => Promise.reject(new Error("nothing is added")),
      waitForRoom: ({ onFull }: RoomOptions) => {
        looks.forEach((of) => onFull?.(of));
        return Promise.resolve(1);
      },
    };
    const sink = queueSink(queue, settings);
    await sink.waitForRoom(new AbortController().signal);
    await sink.waitForRoom(new AbortController().signal);
    expect(told).to.deep.equal(["waiting", "put_off"]);
  });
});
