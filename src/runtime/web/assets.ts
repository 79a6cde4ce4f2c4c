/** Why ONNX Runtime does not start in a page: in most cases, its files are not where `assets` says. */
import { ThawError } from '../../errors.ts';
import { firstLine } from '../ort-session.ts';

/** Names of ONNX Runtime's files for a device, without their ending. */
const FILES = { wasm: 'ort-wasm-simd-threaded', webgpu: 'ort-wasm-simd-threaded.asyncify' } as const;

/** What did not start. */
interface Start {
  readonly device: keyof typeof FILES;
  /** The address of ONNX Runtime's files. It ends in a slash. */
  readonly assets: string | undefined;
  /** Of onnxruntime-web. */
  readonly version: string | undefined;
}

/** `assets` as an absolute address of a folder. */
export function folderAddress(assets: string | URL): string {
  const folder = String(assets).replace(/\/?$/, '/');
  return URL.canParse(folder) || !globalThis.location ? folder : new URL(folder, location.href).href;
}

/** The error for a failed start. It fetches the files at `assets` to name the wrong one. */
export async function startError({ device, assets, version }: Start, cause: unknown): Promise<ThawError> {
  const folder = `node_modules/onnxruntime-web/dist${version ? ` of version ${version}` : ''}`;
  if (assets === undefined) {
    const hint = `If the page's bundler does not serve ONNX Runtime's files, serve ${folder} and set assets to its address`;
    return new ThawError('device', `ONNX Runtime cannot start ${device}: ${firstLine(cause)}`, hint, { cause });
  }
  const hint = `Remove assets if a bundler builds the page. Otherwise, serve ${folder} there`;
  for (const ending of ['mjs', 'wasm'] as const) {
    const address = `${assets}${FILES[device]}.${ending}`;
    const problem = await problemOf(address, ending);
    if (problem) return new ThawError('device', `assets is wrong: ${address} ${problem}`, hint, { cause });
  }
  const problem = `ONNX Runtime cannot start ${device} with the files at ${assets}: ${firstLine(cause)}`;
  return new ThawError('device', problem, hint, { cause });
}

/** @returns what is wrong with the file at an address, if anything */
async function problemOf(address: string, ending: 'mjs' | 'wasm'): Promise<string | undefined> {
  const response = await fetch(address).catch((error: Error) => error);
  if (response instanceof Error) return `cannot be fetched: ${response.message}`;
  const start = await startOf(response);
  if (!response.ok) return `is not there: the server answered ${response.status}`;
  const type = response.headers.get('Content-Type') ?? 'an unknown type';
  const isRight = ending === 'mjs' ? /\b(java|ecma)script\b/.test(type) : start.startsWith('\0asm');
  return isRight ? undefined : `is not ${ending === 'mjs' ? 'JavaScript' : 'WebAssembly'}: the server sent ${type}`;
}

/** The first characters of a file, which is not read further. */
async function startOf({ body }: Response): Promise<string> {
  const reader = body?.getReader();
  const { value = new Uint8Array() } = (await reader?.read()) ?? {};
  await reader?.cancel();
  return String.fromCharCode(...value.subarray(0, 4));
}
