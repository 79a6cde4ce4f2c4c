// ONNX Runtime's WebAssembly module for `wasm.ts`. ONNX Runtime does not check the result of `malloc` for an input. Without memory, it copies
// the input to address 0, over the module's own data; the run then hangs or gives wrong results. This wrapper throws an error instead.
// Plain JavaScript, so that Node can run it directly from the sources.
import createModule from 'onnxruntime-web/ort-wasm-simd-threaded.mjs';

/** Bytes addressable with 32 bits. */
const ADDRESSES = 2 ** 32;

export default async function createCheckedModule(options) {
  const module = await createModule(options);
  const malloc = module._malloc;
  module._malloc = (size) => {
    // A larger size would overflow.
    const address = size < ADDRESSES ? malloc(size) : 0;
    if (address === 0 && size > 0) throw new Error(`failed to allocate ${size} bytes`);
    return address;
  };
  return module;
}
