/**
 * Run as a process that may not write as much: writes to the store in the directory of argument 1 until it gives that up, and closes the
 * store at once. Prints which of both came about.
 */
import { openStore } from "../../../../src/store/open-store.ts";

async function main(directory = ""): Promise<void> {
  const store = await openStore(`lmdb:${directory}`);
  const signal = AbortSignal.timeout(500);
  for (let failed = false; !failed;) {
    await store
      .transact(
        (tx) => {
          for (let row = 0; row < 40; row += 1) {
            tx.set(Buffer.from(`row/${row}`), Buffer.alloc(90_000));
          }
          return Promise.resolve();
        },
        { signal },
      )
      .catch(() => {
        failed = true;
        process.stdout.write("failed, ");
      });
  }
  await store.close();
  process.stdout.write("closed\n");
}

void main(...process.argv.slice(2));
