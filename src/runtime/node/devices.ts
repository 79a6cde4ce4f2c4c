import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InferenceSession } from 'onnxruntime-common';
import { ThawError } from '../../errors.ts';
import { shortened } from '../../graphemes.ts';
import { type Device, type DeviceChoice, type DeviceName, type DeviceStatus, devices } from '../devices.ts';
import { INSTALL_RUNTIME } from './install.ts';
import {
  foreseenObstacle,
  INSTALL_WEB,
  nativeFolder,
  nativeObstacle,
  neitherWorks,
  type Obstacle,
  platformName,
  webObstacle,
} from './packages.ts';

/** Session options of a device, most importantly its execution providers. */
export type DeviceOptions = Pick<
  InferenceSession.SessionOptions,
  'executionProviders' | 'enableMemPattern' | 'executionMode'
>;

/** CoreML's flags from ONNX Runtime's `coreml_provider_factory.h`. */
const coremlProgram = 0x010;
const coremlCpuAndGpu = 0x020;

const optionsOf: Record<Device, DeviceOptions> = {
  cpu: { executionProviders: ['cpu'] },
  cuda: { executionProviders: [{ name: 'cuda', deviceId: 0 }] },
  webgpu: { executionProviders: [{ name: 'webgpu', preferredLayout: 'NCHW' }] },
  // GPU only: the neural engine uses half precision, which is not enough for gradients.
  coreml: { executionProviders: [{ name: 'coreml', coreMlFlags: coremlProgram | coremlCpuAndGpu }] },
  // DirectML does not support memory patterns and parallel execution.
  dml: { executionProviders: [{ name: 'dml', deviceId: 0 }], enableMemPattern: false, executionMode: 'sequential' },
  wasm: { executionProviders: ['wasm'] },
};

/**
 * The execution providers of a session on `device`: only the device's own, so that ONNX Runtime throws if it is not available. With `cpu`
 * in the list, it would silently continue on the CPU. (It always adds the CPU for nodes without a kernel on the device.)
 */
export const executionProviders = (device: Device): InferenceSession.SessionOptions['executionProviders'] =>
  optionsOf[device].executionProviders;

/** Session options of `device`, to spread into a session's options. */
export const deviceOptions = (device: Device): DeviceOptions => optionsOf[device];

/** Requirements of each device, and its platforms in onnxruntime-node 1.30. Intel Macs and musl have no binary at all. */
const requirements: Record<Device, { only?: { platforms: readonly string[]; where: string }; howToGetIt: string }> = {
  cpu: { howToGetIt: INSTALL_RUNTIME },
  cuda: {
    only: { platforms: ['linux-x64'], where: 'Linux x64' },
    howToGetIt:
      'Install the NVIDIA driver, CUDA 12 and cuDNN 9, then run: node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12',
  },
  webgpu: {
    only: {
      platforms: ['linux-x64', 'win32-x64', 'win32-arm64', 'darwin-arm64'],
      where: 'Linux x64, Windows and macOS arm64',
    },
    howToGetIt: 'Install a graphics driver with Vulkan (Linux: libvulkan1 too), Direct3D 12 or Metal',
  },
  coreml: { only: { platforms: ['darwin-arm64'], where: 'macOS arm64' }, howToGetIt: 'Use macOS 12 or later' },
  dml: {
    only: { platforms: ['win32-x64', 'win32-arm64'], where: 'Windows' },
    howToGetIt: 'Install a graphics driver with Direct3D 12',
  },
  wasm: { howToGetIt: INSTALL_WEB },
};

export interface ProbeOptions {
  /** Timeout of a probe in milliseconds. Default: 30,000, because a first CUDA start is slow. */
  readonly timeout?: number;
  /** The script that probes a device. Default: ours. */
  readonly script?: string;
}

const probeScript = fileURLToPath(new URL('./probe.js', import.meta.url));

/** Probes `device` in a child process. Never throws: a failure of the process is a result too. */
export function probeDevice(device: Device, { timeout = 30_000, script = probeScript }: ProbeOptions = {}) {
  return new Promise<DeviceStatus>((resolve) => {
    const failed = (reason: string) =>
      resolve({ device, available: false, reason, howToGetIt: requirements[device].howToGetIt });
    execFile(
      process.execPath,
      [script, device],
      {
        timeout,
        killSignal: 'SIGKILL',
        maxBuffer: 1 << 24,
        windowsHide: true,
        // Under Electron, `execPath` is Electron. This makes it behave like Node.
        env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      },
      (error, stdout, stderr) => {
        // A provider that crashes at exit after a correct answer still works.
        const answer = stdout.split('\n').find((line) => line.startsWith('{"probe"'));
        if (answer) {
          const { probe, message } = JSON.parse(answer) as { probe: string; message?: string };
          if (probe === 'ok') resolve({ device, available: true, reason: 'a small model ran on it' });
          else failed(explain(message ?? '', stderr));
        } else if (error?.killed) failed(`the probe did not end within ${timeout / 1000} s`);
        else if (error?.signal) failed(`the probe's process was ended by ${error.signal}`);
        else failed(`the probe's process ended with exit code ${error?.code ?? 0} and no answer`);
      },
    );
  });
}

/** ONNX Runtime's message as one line for users. The name of a missing library is only in its log. */
function explain(message: string, log: string): string {
  const library = /([\w.+-]+\.so[.\d]*): cannot open shared object file/.exec(log)?.[1];
  const because = library ? `: ${library} is missing` : '';
  if (message.includes('backend not found')) return 'this build of onnxruntime-node does not have it';
  if (message.includes('fallback to CPU EP has been explicitly disabled')) return 'it ran a small model on the CPU';
  if (message.includes('Failed to get a WebGPU adapter')) return `no graphics adapter was found${because}`;
  if (message.includes('Failed to load shared library')) return `its libraries could not be loaded${because}`;
  return shortened(message.replace(/\s+/g, ' ').trim(), 200);
}

const CUDA_LIBRARY = 'libonnxruntime_providers_cuda.so';

/** Obstacles known without a probe: an unsupported platform, or a missing library. */
async function missing(device: Device): Promise<Obstacle | undefined> {
  if (device === 'wasm') return webObstacle();
  const { only, howToGetIt } = requirements[device];
  if (only && !only.platforms.includes(platformName()))
    return {
      reason: `onnxruntime-node only has it for ${only.where}, and this is ${platformName()}`,
      howToGetIt: `Run Thaw on ${only.where}`,
    };
  const obstacle = foreseenObstacle();
  if (obstacle || device !== 'cuda') return obstacle;
  const library = join(nativeFolder()!, 'bin/napi-v6', process.platform, process.arch, CUDA_LIBRARY);
  return existsSync(library) ? undefined : { reason: "ONNX Runtime's CUDA libraries are not installed", howToGetIt };
}

async function status(device: Device, options?: ProbeOptions): Promise<DeviceStatus> {
  const obstacle = await missing(device);
  return obstacle ? { device, available: false, ...obstacle } : probeDevice(device, options);
}

/** Probes all devices in sequence, each in its own process. */
export async function probeDevices(options?: ProbeOptions): Promise<DeviceStatus[]> {
  const found: DeviceStatus[] = [];
  for (const device of devices) found.push(await status(device, options));
  return found;
}

/**
 * Candidates of `auto`, best first. WebGPU is not a candidate: ONNX Runtime also accepts an adapter that simulates a GPU on the CPU
 * (SwiftShader, llvmpipe, WARP) without reporting it, and that is far slower than the CPU itself.
 */
const preference: readonly Device[] = ['cuda', 'coreml', 'dml'];

/** Relative training time on WebAssembly; docs/platforms.md has the measurements. */
export const SLOWDOWN = '2 to 4 times as long as with onnxruntime-node';

/**
 * The processor: with onnxruntime-node, or with WebAssembly if that package does not work here.
 *
 * @param reason reason of the choice for onnxruntime-node
 * @throws ThawError `device` if neither of ONNX Runtime's packages works
 */
export async function chooseProcessor(reason = 'the processor'): Promise<DeviceChoice> {
  const native = await nativeObstacle();
  if (!native) return { device: 'cpu', reason };
  const web = await webObstacle();
  if (!web) return { device: 'wasm', reason: `because ${native.reason}; training takes ${SLOWDOWN}`, slower: true };
  const { reason: neither, howToGetIt } = neitherWorks(native, web);
  throw new ThawError('device', neither, howToGetIt);
}

/** The best device that works. */
async function bestDevice(options?: ProbeOptions): Promise<DeviceChoice> {
  const refused: string[] = [];
  const possible = preference.filter((device) => requirements[device].only?.platforms.includes(platformName()));
  for (const device of (await nativeObstacle()) ? [] : possible) {
    const { available, reason } = await status(device, options);
    if (available) return { device, reason: 'the best available' };
    refused.push(`no ${device}: ${reason}`);
  }
  return chooseProcessor(refused.join('; ') || 'the best available');
}

/** The obstacle of a requested device, if any. The processor needs no probe in another process. */
async function obstacleOf(device: Device, options?: ProbeOptions): Promise<Obstacle | undefined> {
  if (device === 'cpu') return nativeObstacle();
  if (device === 'wasm') return webObstacle();
  const { available, reason, howToGetIt = '' } = await status(device, options);
  return available ? undefined : { reason, howToGetIt };
}

/**
 * The device for a name. `auto` takes the best device that works. A device requested by name is used, or gives an error.
 * @throws ThawError `device` if it is not available, with the fix
 */
export async function chooseDevice(name: DeviceName, options?: ProbeOptions): Promise<DeviceChoice> {
  if (name === 'auto') return bestDevice(options);
  const obstacle = await obstacleOf(name, options);
  if (!obstacle) return { device: name, reason: 'as requested' };
  const others = name === 'cpu' ? '' : '. Or use --device auto or cpu';
  throw new ThawError(
    'device',
    `device ${name} is not available: ${obstacle.reason}`,
    `${obstacle.howToGetIt}${others}`,
  );
}
