/**
 * Decodes and augments images with WebAssembly, as Electron's utility process does on Linux. Takes paths, and prints
 * the results.
 */
import { useWasmSharp } from '../../src/electron/wasm-sharp.ts';

useWasmSharp();
const { decoded } = await import('./decoded.ts');
console.log(JSON.stringify(await decoded(process.argv.slice(2))));
