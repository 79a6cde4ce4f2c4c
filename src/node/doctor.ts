import { constants, existsSync } from 'node:fs';
import { access } from 'node:fs/promises';
import { arch, cpus, freemem, platform, release, totalmem } from 'node:os';
import { dirname } from 'node:path';
import type { FormatStatus } from '../data/node/formats.ts';
import type { Device, DeviceStatus } from '../runtime/devices.ts';
import { type ProbeOptions, probeDevices, SLOWDOWN } from '../runtime/node/devices.ts';
import { INSTALL_RUNTIME } from '../runtime/node/install.ts';
import { cLibrary, neitherWorks, type Obstacle, packageVersion } from '../runtime/node/packages.ts';
import { OLDEST_NODE, VERSION } from '../version.ts';
import { cacheFolder } from './models/cache.ts';

/** A problem of the installation, and one line with the fix. */
export interface Problem {
  readonly what: string;
  readonly howToMend: string;
}

/** The state of this machine. Plain data. */
export interface Doctor {
  readonly thaw: string;
  readonly node: string;
  readonly platform: string;
  readonly arch: string;
  /** `musl`, or glibc with its version; null if it is unknown. */
  readonly libc: string | null;
  readonly cpu: { readonly model: string; readonly cores: number };
  /** Bytes. */
  readonly memory: { readonly total: number; readonly free: number };
  /** Versions by package; null if it is not installed. */
  readonly onnxruntime: Readonly<Record<string, string | null>>;
  readonly sharp: { readonly version: string; readonly libvips: string } | null;
  /** Image formats, each tried with a small image. Empty without sharp. */
  readonly images: readonly FormatStatus[];
  readonly devices: readonly DeviceStatus[];
  readonly cache: { readonly folder: string; readonly writable: boolean };
  /** Thaw downloads a model only if the user gives an address or `hf:`, and uploads one only with `thaw push`. */
  readonly network: string;
  readonly problems: readonly Problem[];
}

async function inspectSharp(): Promise<Pick<Doctor, 'sharp' | 'images'> & { problem?: Problem }> {
  try {
    const { default: sharp } = await import('sharp');
    const { formatStatuses } = await import('../data/node/formats.ts');
    return {
      sharp: { version: sharp.versions.sharp ?? '', libvips: sharp.versions.vips },
      images: await formatStatuses(),
    };
  } catch (error) {
    const reason = String((error as Error).message).split('\n')[0];
    return {
      sharp: null,
      images: [],
      problem: { what: `cannot load sharp, which reads images: ${reason}`, howToMend: 'npm install sharp' },
    };
  }
}

/** A folder that does not exist is writable if it can be created. */
async function isWritable(folder: string): Promise<boolean> {
  let nearest = folder;
  while (!existsSync(nearest) && nearest !== dirname(nearest)) nearest = dirname(nearest);
  return access(nearest, constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Why a device is not available. */
const obstacleTo = (device: Device, devices: readonly DeviceStatus[]): Obstacle | undefined => {
  const { available, reason, howToGetIt = '' } = devices.find((status) => status.device === device)!;
  return available ? undefined : { reason, howToGetIt };
};

/** A platform without a native binary is not a problem if WebAssembly works. */
function runtimeProblems(devices: readonly DeviceStatus[]): Problem[] {
  const [native, web] = [obstacleTo('cpu', devices), obstacleTo('wasm', devices)];
  if (!native) return [];
  if (web) {
    const { reason, howToGetIt } = neitherWorks(native, web);
    return [{ what: `ONNX Runtime doesn't work here: ${reason}`, howToMend: howToGetIt }];
  }
  if (native.howToGetIt !== INSTALL_RUNTIME) return [];
  return [{ what: `${native.reason}: training on WebAssembly takes ${SLOWDOWN}`, howToMend: native.howToGetIt }];
}

const gibibyte = 2 ** 30;

/**
 * Checks everything that Thaw depends on. Missing parts are problems in the result, not errors. It takes a second or two, because it tries
 * every device.
 */
export async function diagnose(options?: ProbeOptions): Promise<Doctor> {
  const [{ sharp, images, problem }, devices] = [await inspectSharp(), await probeDevices(options)];
  const names = ['onnxruntime-node', 'onnxruntime-web', 'onnxruntime-common'];
  const onnxruntime = Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await packageVersion(name)] as const)),
  );
  const folder = cacheFolder();
  const cache = { folder, writable: await isWritable(folder) };
  const memory = { total: totalmem(), free: freemem() };
  const problems: Problem[] = [...(problem ? [problem] : []), ...runtimeProblems(devices)];
  if (process.versions.node.localeCompare(OLDEST_NODE, 'en', { numeric: true }) < 0)
    problems.push({
      what: `Node ${process.versions.node} is too old`,
      howToMend: `Install Node ${OLDEST_NODE} or later: https://nodejs.org/en/download`,
    });
  if (!cache.writable)
    problems.push({ what: `the cache ${folder} is not writable`, howToMend: 'Set THAW_CACHE to a writable folder' });
  if (memory.total < 2 * gibibyte)
    problems.push({
      what: `this machine has only ${(memory.total / gibibyte).toFixed(1)} GiB of memory`,
      howToMend: 'Use a small model and a small --batch',
    });

  return {
    thaw: VERSION,
    node: process.versions.node,
    platform: `${platform()} ${release()}`,
    arch: arch(),
    libc: cLibrary() ?? null,
    cpu: { model: cpus()[0]?.model.trim() || 'unknown', cores: cpus().length },
    memory,
    onnxruntime,
    sharp,
    images,
    devices,
    cache,
    network: 'Thaw downloads models named by https: or hf:, and sends nothing but what thaw push uploads',
    problems,
  };
}
