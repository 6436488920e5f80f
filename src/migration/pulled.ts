/**
 * What `next` gives, one after the other, until it gives undefined; `close` is called where the consumer stops before that.
 *
 * As an async generator would have it, but for what that keeps: until it is asked for the next value, all that its variables hold, which is
 * the value before. Of rows that are read many at a time, that is long enough for them to end among V8's old objects.
 */
export function pulled<T>(
  next: () => Promise<T | undefined>,
  close: () => Promise<unknown> = () => Promise.resolve(),
): AsyncIterable<T> {
  return {
    [Symbol.asyncIterator]: () => ({
      next: async () => {
        const value = await next();
        return value === undefined ? { done: true, value } : { done: false, value };
      },
      return: async () => {
        await close();
        return { done: true, value: undefined };
      },
    }),
  };
}
