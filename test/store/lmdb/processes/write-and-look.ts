/**
 * Run as a process: opens the store in the directory of argument 1 and writes rows under the name of argument 2, in as many transactions
 * as argument 3 says, several at once. Each looks up a row that an earlier one wrote. Closes the store, and prints how many rows were
 * not what was written.
 */
import { openStore } from "../../../../src/store/open-store.ts";

const LANES = 8;
const ROWS = 200;

async function main(directory = "", name = "", times = "0"): Promise<void> {
  const store = await openStore(`lmdb:${directory}`);
  let wrong = 0;
  const write = async (lane: number): Promise<void> => {
    const written = new Map<string, string>();
    const keyOf = (row: number): string => `${name}/${lane}/${row % ROWS}`;
    const look = async (key: string): Promise<void> => {
      wrong += text(await store.transact((tx) => tx.get(Buffer.from(key)))) === written.get(key) ? 0 : 1;
    };
    for (let round = 0; round < Number(times) / LANES; round += 1) {
      const keys = Array.from({ length: 1 + (round % 40) }, (_, index) => keyOf(round * 7 + index));
      await look(keyOf(round * 13));
      await store.transact((tx) => {
        keys.forEach((key) => {
          tx.set(Buffer.from(key), Buffer.alloc(40 + ((round * 97) % 3_000), `${round};`));
        });
        return Promise.resolve();
      });
      keys.forEach((key) => written.set(key, `${round};`));
    }
    for (const key of written.keys()) {
      await look(key);
    }
  };
  await Promise.all(Array.from({ length: LANES }, (_, lane) => write(lane)));
  await store.close();
  process.stdout.write(`${wrong} wrong\n`);
}

function text(value: Uint8Array | undefined): string | undefined {
  return value === undefined ? undefined : Buffer.from(value.subarray(0, value.indexOf(0x3b) + 1)).toString();
}

void main(...process.argv.slice(2));
