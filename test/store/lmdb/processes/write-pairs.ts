/**
 * Run as a process: opens the store in the directory of argument 1 and writes the same value to 200 rows per transaction, for
 * ever, several transactions at once; prints a line when the first has committed. Meant to be killed.
 */
import { openStore } from "../../../../src/store/open-store.ts";

async function main(directory = ""): Promise<void> {
  const store = await openStore(`lmdb:${directory}`);
  const writeFrom = async (first: number): Promise<void> => {
    for (let round = 0; ; round++) {
      const value = Buffer.alloc(1_000, `${String(first)}.${String(round)};`);
      await store.transact(async (tx) => {
        for (let row = 0; row < 200; row++) {
          tx.set(Buffer.from(`pair/${String(row).padStart(3, "0")}`), value);
        }
        await Promise.resolve();
      });
      if (round === 0) {
        process.stdout.write("writing\n");
      }
    }
  };
  await Promise.all([0, 1, 2, 3].map(writeFrom));
}

void main(...process.argv.slice(2));
