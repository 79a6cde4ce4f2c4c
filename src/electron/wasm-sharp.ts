/**
 * On Linux, Electron's Chromium brings its own GLib into every process, and native sharp brings another: together they crash. sharp's
 * WebAssembly build needs none of the system's. sharp loads it automatically if it finds no native one, so the native one is hidden.
 */
import Module, { createRequire } from 'node:module';
import { ThawError } from '../errors.ts';

/** The native modules that sharp loads on Linux: its own package, or a build from source. */
const NATIVE = /^@img\/sharp-linux|\/Release\/sharp-linux/;

/** Node's own way from a name to a file, for `require`, which sharp uses. Node's `registerHooks` does the same from Node 22.15 on. */
interface Resolving {
  _resolveFilename(request: string, ...others: unknown[]): string;
}

/**
 * Has sharp decode with WebAssembly in this process. Before sharp is loaded.
 *
 * @throws ThawError `device` if `@img/sharp-wasm32` is not installed in sharp's version
 */
export function useWasmSharp(): void {
  const fromThaw = createRequire(import.meta.url);
  const fromSharp = createRequire(fromThaw.resolve('sharp'));
  const { version } = fromSharp('../package.json');
  const installed = wasmVersion(fromSharp);
  if (installed !== version) {
    throw new ThawError(
      'device',
      installed
        ? `@img/sharp-wasm32 ${installed} is installed, and sharp is ${version}`
        : 'decoding images in Electron on Linux needs @img/sharp-wasm32, which is not installed',
      `npm install @img/sharp-wasm32@${version}`,
    );
  }
  const modules = Module as unknown as Resolving;
  const resolve = modules._resolveFilename;
  modules._resolveFilename = function (request, ...others) {
    if (!NATIVE.test(request)) return resolve.call(this, request, ...others);
    throw Object.assign(new Error(`${request} is not loaded in Electron on Linux`), { code: 'MODULE_NOT_FOUND' });
  };
}

function wasmVersion(from: NodeJS.Require): string | undefined {
  try {
    return from('@img/sharp-wasm32/package').version;
  } catch {
    return undefined;
  }
}
