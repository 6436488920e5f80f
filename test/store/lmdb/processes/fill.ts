/**
 * Run as a process on a disk that is nearly full: opens the store in the directory of argument 1 and writes until that fails.
 * Prints the failure's kind, what can be read, and what a write ends with after room was made.
 */
import { rm } from "node:fs/promises";
import { StoreError } from "../../../../src/store/errors.ts";
import { openStore } from "../../../../src/store/open-store.ts";

async function main(directory = ""): Promise<void> {
  const store = await openStore(`lmdb:${directory}`);
  let failure: unknown;
  for (let index = 0; failure === undefined; index++) {
    failure = await store
      .transact(async (tx) => {
        tx.set(Buffer.from(`row/${String(index)}`), Buffer.alloc(90_000));
        await Promise.resolve();
      })
      .catch((error: unknown) => error);
  }
  const rows = await store.transact(async (tx) => {
    let count = 0;
    for await (const batch of tx.getRange({ begin: Buffer.from("row/"), end: Buffer.from("row0") })) {
      count += batch.length;
    }
    return count;
  });
  await rm(`${directory}/ballast`);
  const retry = await store
    .transact((tx) => {
      tx.set(Buffer.from("late"), Buffer.alloc(90_000));
      return Promise.resolve("written");
    })
    .catch(String);
  await store.close();
  const kind = failure instanceof StoreError ? failure.kind : "something else";
  process.stdout.write(`${kind}, ${rows > 0 ? "some" : "no"} rows, then ${retry}\n`);
}

void main(...process.argv.slice(2));
