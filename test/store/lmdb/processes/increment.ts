/**
 * Run as a process: opens the store in the directory of argument 1, and adds 1 to the number in row `n` as often as argument
 * 2 says, reading and writing it in a transaction each. Prints how many attempts that took.
 */
import { openStore } from "../../../../src/store/open-store.ts";

async function main(directory = "", times = "0"): Promise<void> {
  let attempts = 0;
  const store = await openStore(`lmdb:${directory}`, { observer: () => (attempts += 1) });
  const key = Buffer.from("n");
  for (let index = 0; index < Number(times); index++) {
    await store.transact(async (tx) => {
      const current = await tx.get(key);
      tx.set(key, Buffer.from(String(Number(Buffer.from(current ?? []).toString()) + 1)));
    });
  }
  await store.close();
  process.stdout.write(`${String(attempts)}\n`);
}

void main(...process.argv.slice(2));
