/**
 * Run as a process that may not write as much: writes to the store in the directory of argument 1 until it gives that up, and closes the
 * store at once. Prints that both came about.
 */
import { openStore } from "../../../../src/store/open-store.ts";

async function main(directory = ""): Promise<void> {
  const store = await openStore(`lmdb:${directory}`);
  const signal = AbortSignal.timeout(500);
  let failure: unknown;
  while (failure === undefined) {
    const written = store.transact(
      (tx) => {
        for (let row = 0; row < 40; row += 1) {
          tx.set(Buffer.from(`row/${row}`), Buffer.alloc(90_000));
        }
        return Promise.resolve();
      },
      { signal },
    );
    failure = await written.catch((error: unknown) => error);
  }
  await store.close();
  process.stdout.write("failed, closed\n");
}

void main(...process.argv.slice(2));
