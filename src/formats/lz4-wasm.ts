import * as lz4 from "lz4-wasm-nodejs";
import { InvariantError } from "../errors.ts";

/*
 * lz4_flex as WebAssembly, called as the package's own functions call it, but without their copy of each result in a new array: of a
 * large image those were a quarter of all garbage, and V8 lets tens of megabytes of it stand. What is asked of the package is what
 * wasm-bindgen makes of `fn(&[u8]) -> Vec<u8>`: the function takes the address of a result, and address and length of an input that it
 * frees itself; the result is address and length of the output, which the caller frees, and for `decompress` whether it failed.
 *
 * Both sides have the inflated size, u32 LE, before the block.
 */
interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly compress: (result: number, input: number, length: number) => void;
  readonly decompress: (result: number, input: number, length: number) => void;
  readonly __wbindgen_add_to_stack_pointer: (bytes: number) => number;
  readonly __wbindgen_malloc: (bytes: number) => number;
  readonly __wbindgen_free: (address: number, bytes: number) => void;
}

export const LZ4_SIZE_BYTES = 4;
const RESULT_BYTES = 16;
/** Where in a result of `decompress` its failure is told. */
const FAILED_OFFSET = 12;
const { __wasm: wasm } = lz4 as unknown as { readonly __wasm: Exports };

let memory = new Uint8Array(wasm.memory.buffer);
let view = new DataView(wasm.memory.buffer);

/** Views of the memory, which come apart from it when it grows. */
function renewViews(): void {
  if (memory.length === 0) {
    memory = new Uint8Array(wasm.memory.buffer);
    view = new DataView(wasm.memory.buffer);
  }
}

/** Gives `use` the compressed bytes, size in front: a view that is good for as long as it runs. */
export function withLz4Compressed<T>(bytes: Uint8Array, use: (sized: Uint8Array) => T): T {
  const input = wasm.__wbindgen_malloc(bytes.length);
  renewViews();
  memory.set(bytes, input);
  return call(wasm.compress, input, bytes.length, use);
}

/**
 * Gives `use` what a block inflates to: a view that is good for as long as it runs. `inflatedBytes` has to be what the block says
 * (`lz4InflatedBytes`): for its matches this build reads whatever lies there.
 */
export function withLz4Inflated<T>(block: Uint8Array, inflatedBytes: number, use: (bytes: Uint8Array) => T): T {
  const sizedBytes = LZ4_SIZE_BYTES + block.length;
  const input = wasm.__wbindgen_malloc(sizedBytes);
  renewViews();
  view.setUint32(input, inflatedBytes, true);
  memory.set(block, input + LZ4_SIZE_BYTES);
  return call(wasm.decompress, input, sizedBytes, use);
}

function call<T>(run: Exports["compress"], input: number, length: number, use: (bytes: Uint8Array) => T): T {
  const result = wasm.__wbindgen_add_to_stack_pointer(-RESULT_BYTES);
  try {
    memory.fill(0, result, result + RESULT_BYTES);
    run(result, input, length);
    renewViews();
    if (view.getUint32(result + FAILED_OFFSET, true) !== 0) {
      throw new InvariantError("LZ4 refused a block that was found right");
    }
    const output = view.getUint32(result, true);
    const outputBytes = view.getUint32(result + 4, true);
    try {
      return use(memory.subarray(output, output + outputBytes));
    } finally {
      wasm.__wbindgen_free(output, outputBytes);
    }
  } finally {
    wasm.__wbindgen_add_to_stack_pointer(RESULT_BYTES);
  }
}
