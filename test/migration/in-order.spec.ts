import { expect } from "chai";
import fc from "fast-check";
import { inOrder } from "../../src/migration/in-order.ts";

/** A task that ends when it is told to. */
class Task {
  started = false;
  ended = false;
  #settle: (() => void) | undefined;
  readonly #value: number | Error;

  constructor(value: number | Error) {
    this.#value = value;
  }

  readonly run = async (): Promise<number> => {
    this.started = true;
    await new Promise<void>((resolve) => {
      this.#settle = resolve;
    });
    this.ended = true;
    if (this.#value instanceof Error) {
      throw this.#value;
    }
    return this.#value;
  };

  settle(): void {
    this.#settle?.();
  }
}

async function turns(): Promise<void> {
  await new Promise(setImmediate);
}

describe("tasks in order", () => {
  it("give their results in order, however they end, and never more than so many run at once", async () => {
    await holdsAsync(
      fc.asyncProperty(
        fc.array(fc.nat(5), { maxLength: 12 }),
        fc.integer({ min: 1, max: 5 }),
        async (delays, depth) => {
          let running = 0;
          let most = 0;
          const tasks = delays.map((delay, index) => async () => {
            running += 1;
            most = Math.max(most, running);
            for (let turn = 0; turn < delay; turn += 1) {
              await Promise.resolve();
            }
            running -= 1;
            return index;
          });
          const results: number[] = [];
          for await (const result of inOrder(tasks, depth)) {
            results.push(result);
          }
          expect(results).to.deep.equal(delays.map((_, index) => index));
          expect(most).to.be.at.most(depth);
        },
      ),
    );
  });

  it("run ahead of their use as deep as allowed", async () => {
    const tasks = [1, 2, 3, 4].map((value) => new Task(value));
    const results = inOrder(
      tasks.map((task) => task.run),
      3,
    );
    const first = results.next();
    await turns();
    expect(tasks.map(({ started }) => started)).to.deep.equal([true, true, true, false]);
    tasks.forEach((task) => {
      task.settle();
    });
    expect(await first).to.deep.equal({ done: false, value: 1 });
    await results.return();
  });

  it("pass a failure on only when no other task runs any more", async () => {
    const tasks = [new Task(new Error("first")), new Task(2), new Task(new Error("third"))];
    const results = inOrder(
      tasks.map((task) => task.run),
      3,
    );
    let failed: unknown;
    const next = results.next().catch((error: unknown) => {
      failed = error;
    });
    await turns();
    tasks[0]?.settle();
    await turns();
    expect(failed).to.equal(undefined);
    tasks[2]?.settle();
    tasks[1]?.settle();
    await next;
    expect(failed).to.be.an("error").with.property("message", "first");
    expect(tasks.every(({ ended }) => ended)).to.equal(true);
  });

  it("are waited for when their consumer stops early", async () => {
    const tasks = [new Task(1), new Task(2)];
    const results = inOrder(
      tasks.map((task) => task.run),
      2,
    );
    const first = results.next();
    await turns();
    tasks[0]?.settle();
    await first;
    let returned = false;
    const stopped = results.return().then(() => {
      returned = true;
    });
    await turns();
    expect(returned).to.equal(false);
    tasks[1]?.settle();
    await stopped;
    expect(tasks[1]?.ended).to.equal(true);
  });

  it("are waited for when what gives them fails, and their source is closed when a task fails", async () => {
    let closed = false;
    async function* failing(): AsyncGenerator<() => Promise<number>> {
      yield () => Promise.resolve(1);
      await Promise.resolve();
      throw new Error("source");
    }
    async function* closing(): AsyncGenerator<() => Promise<number>> {
      try {
        yield () => Promise.reject(new Error("task"));
        await Promise.resolve();
        yield () => Promise.resolve(2);
      } finally {
        closed = true;
      }
    }
    const message = async (results: AsyncIterable<number>): Promise<unknown> => {
      try {
        for await (const result of results) {
          expect(result).to.equal(1);
        }
      } catch (error) {
        return error instanceof Error ? error.message : error;
      }
      return "nothing";
    };
    expect(await message(inOrder(failing(), 2))).to.equal("source");
    expect(await message(inOrder(closing(), 1))).to.equal("task");
    expect(closed).to.equal(true);
  });
});

async function holdsAsync<T extends [unknown, ...unknown[]]>(property: fc.IAsyncProperty<T>): Promise<void> {
  await fc.assert(property, { numRuns: 200 });
}
