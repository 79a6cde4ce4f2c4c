// ONNX Runtime's WebAssembly module for `wasm.ts`. ONNX Runtime does not check whether `malloc` found memory for an input. If it did not, the
// input is copied to address 0, over the module's own data, and the run hangs or its results are wrong. Here it gets an error instead.
// Plain JavaScript, so that Node runs it as it is, from the sources too.
import createModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs';

/** Bytes that 32 bits address. */
const ADDRESSES = 2 ** 32;

export default async function createCheckedModule(options) {
  const module = await createModule(options);
  const malloc = module._malloc;
  module._malloc = (size) => {
    // A larger size would wrap around.
    const address = size < ADDRESSES ? malloc(size) : 0;
    if (address === 0 && size > 0) throw new Error(`failed to allocate ${size} bytes`);
    return address;
  };
  return module;
}
