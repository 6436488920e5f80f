/**
 * Runs tasks ahead of their use: up to `depth` at once, results in the order of the tasks.
 * When the consumer stops early or a task fails, tasks under way are awaited before that is passed on, so none outlives the loop.
 */
export async function* inOrder<T>(
  tasks: AsyncIterable<() => Promise<T>> | Iterable<() => Promise<T>>,
  depth: number,
): AsyncGenerator<T, void, undefined> {
  const running: Promise<T>[] = [];
  try {
    for await (const task of tasks) {
      const started = task();
      // Awaited below in order; marked here so that a failure seen late is not an unhandled rejection.
      started.catch(() => undefined);
      running.push(started);
      const [oldest] = running;
      if (running.length >= depth && oldest !== undefined) {
        yield await oldest;
        void running.shift();
      }
    }
    for (const started of running) {
      yield await started;
    }
  } finally {
    await Promise.allSettled(running);
  }
}
