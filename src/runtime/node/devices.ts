import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { InferenceSession } from 'onnxruntime-common';
import { ThawError } from '../../errors.ts';
import { shortened } from '../../graphemes.ts';
import { type Device, type DeviceChoice, type DeviceName, type DeviceStatus, devices } from '../devices.ts';
import { INSTALL_RUNTIME } from './install.ts';

/** The session options that a device needs, the providers first among them. */
export type DeviceOptions = Pick<
  InferenceSession.SessionOptions,
  'executionProviders' | 'enableMemPattern' | 'executionMode'
>;

/** CoreML's flags, as in ONNX Runtime's `coreml_provider_factory.h`. */
const coremlProgram = 0x010;
const coremlCpuAndGpu = 0x020;

const optionsOf: Record<Device, DeviceOptions> = {
  cpu: { executionProviders: ['cpu'] },
  cuda: { executionProviders: [{ name: 'cuda', deviceId: 0 }] },
  webgpu: { executionProviders: [{ name: 'webgpu', preferredLayout: 'NCHW' }] },
  // The neural engine computes in half precision, which gradients do not survive: the GPU only.
  coreml: { executionProviders: [{ name: 'coreml', coreMlFlags: coremlProgram | coremlCpuAndGpu }] },
  // DirectML refuses memory patterns and parallel execution.
  dml: { executionProviders: [{ name: 'dml', deviceId: 0 }], enableMemPattern: false, executionMode: 'sequential' },
};

/**
 * The execution providers of a session on `device`: the device's alone. ONNX Runtime then throws where it can't have it; with
 * `cpu` in the list as well it would carry on without a word. (It adds the CPU by itself for nodes the device has no kernel for.)
 */
export const executionProviders = (device: Device): InferenceSession.SessionOptions['executionProviders'] =>
  optionsOf[device].executionProviders;

/** All session options that `device` needs; spread them into the session's. */
export const deviceOptions = (device: Device): DeviceOptions => optionsOf[device];

/** Where ONNX Runtime's packages have a device, and what else it takes. */
const requirements: Record<Device, { platforms: readonly string[]; where: string; howToGetIt: string }> = {
  cpu: {
    platforms: [],
    where: 'everywhere',
    howToGetIt: `Install it again for this platform: ${INSTALL_RUNTIME}`,
  },
  cuda: {
    platforms: ['linux-x64'],
    where: 'Linux x64',
    howToGetIt:
      'Install the NVIDIA driver, CUDA 12 and cuDNN 9, then run: node node_modules/onnxruntime-node/script/install.js --onnxruntime-node-install=cuda12',
  },
  webgpu: {
    platforms: ['linux-x64', 'win32-x64', 'win32-arm64', 'darwin-arm64', 'darwin-x64'],
    where: 'Linux x64, Windows and macOS',
    howToGetIt: 'Install a graphics driver with Vulkan (Linux: libvulkan1 too), Direct3D 12 or Metal',
  },
  coreml: {
    platforms: ['darwin-arm64', 'darwin-x64'],
    where: 'macOS',
    howToGetIt: 'Use macOS 12 or later',
  },
  dml: {
    platforms: ['win32-x64', 'win32-arm64'],
    where: 'Windows',
    howToGetIt: 'Install a graphics driver with Direct3D 12',
  },
};

export interface ProbeOptions {
  /** Milliseconds after which a probe that says nothing is ended; 30,000 if not given (a first CUDA start is slow). */
  readonly timeout?: number;
  /** The script that tries a device; ours if not given. */
  readonly script?: string;
}

const probeScript = fileURLToPath(new URL('./probe.js', import.meta.url));

/** Tries `device` in a child process. Whatever happens to that process is an answer; this never throws. */
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
        // Under Electron `execPath` is Electron: this makes it behave as Node.
        env: { ...process.env, ELECTRON_RUN_AS_NODE: '1' },
      },
      (error, stdout, stderr) => {
        // A provider that answered and then crashed while the process ended has still computed the right thing.
        const answer = stdout.split('\n').find((line) => line.startsWith('{"probe"'));
        if (answer) {
          const { probe, message } = JSON.parse(answer) as { probe: string; message?: string };
          if (probe === 'ok') resolve({ device, available: true, reason: 'a small model ran on it' });
          else failed(explain(message ?? '', stderr));
        } else if (error?.killed) failed(`the trial did not end within ${timeout / 1000} s`);
        else if (error?.signal) failed(`the trial's process was ended by ${error.signal}`);
        else failed(`the trial's process ended with exit code ${error?.code ?? 0} and no answer`);
      },
    );
  });
}

/** ONNX Runtime's message, shortened to one line that means something to a user; which library is missing is only in its log. */
function explain(message: string, log: string): string {
  const library = /([\w.+-]+\.so[.\d]*): cannot open shared object file/.exec(log)?.[1];
  const because = library ? `: ${library} is missing` : '';
  if (message.includes('backend not found')) return "this build of onnxruntime-node doesn't have it";
  if (message.includes('fallback to CPU EP has been explicitly disabled')) return 'it left a small model to the CPU';
  if (message.includes('Failed to get a WebGPU adapter')) return `no graphics adapter was found${because}`;
  if (message.includes('Failed to load shared library')) return `its libraries couldn't be loaded${because}`;
  return shortened(message.replace(/\s+/g, ' ').trim(), 200);
}

/** What needs no trial: the platform has no such provider, or its library was never installed. */
function missing(device: Device): DeviceStatus | undefined {
  const { platforms, where, howToGetIt } = requirements[device];
  const platform = `${process.platform}-${process.arch}`;
  if (device !== 'cpu' && !platforms.includes(platform))
    return {
      device,
      available: false,
      reason: `onnxruntime-node has it for ${where} only, this is ${platform}`,
      howToGetIt: `Run Thaw on ${where}`,
    };
  const folder = packageFolder();
  if (!folder)
    return {
      device,
      available: false,
      reason: "onnxruntime-node isn't installed",
      howToGetIt: requirements.cpu.howToGetIt,
    };
  const library = join(folder, 'bin/napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so');
  if (device === 'cuda' && !existsSync(library))
    return { device, available: false, reason: "ONNX Runtime's CUDA libraries aren't installed", howToGetIt };
  return undefined;
}

function packageFolder(): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve('onnxruntime-node/package.json'));
  } catch {
    return undefined;
  }
}

const status = async (device: Device, options?: ProbeOptions): Promise<DeviceStatus> =>
  missing(device) ?? (await probeDevice(device, options));

/** Tries every device, each in a process of its own, one after the other. */
export async function probeDevices(options?: ProbeOptions): Promise<DeviceStatus[]> {
  const found: DeviceStatus[] = [];
  for (const device of devices) found.push(await status(device, options));
  return found;
}

/**
 * What `auto` considers, best first. WebGPU is left out: ONNX Runtime takes an adapter that only simulates a GPU on the CPU
 * (SwiftShader, llvmpipe, WARP) like any other and does not tell us, and that is far slower than the CPU itself.
 */
const preference: readonly Device[] = ['cuda', 'coreml', 'dml'];

/**
 * The device for a name. `auto` takes the best that works; a device asked for by name is that device or an error.
 * @throws ThawError `device` where it can't be had, with how to get it
 */
export async function chooseDevice(name: DeviceName, options?: ProbeOptions): Promise<DeviceChoice> {
  // The CPU needs no trial: where it does not work nothing does, and the first session says why.
  if (name === 'cpu') return { device: 'cpu', reason: 'as asked' };
  if (name === 'auto') {
    const refused: string[] = [];
    for (const device of preference) {
      const { available, reason } = await status(device, options);
      if (available) return { device, reason: `the best that works (${reason})` };
      if (requirements[device].platforms.includes(`${process.platform}-${process.arch}`))
        refused.push(`${device}: ${reason}`);
    }
    return {
      device: 'cpu',
      reason: refused.length > 0 ? `the best that works (${refused.join('; ')})` : 'the best here',
    };
  }
  const { available, reason, howToGetIt } = await status(name, options);
  if (available) return { device: name, reason: 'as asked' };
  throw new ThawError('device', `device ${name} can't be had: ${reason}`, `${howToGetIt}. Or use --device auto or cpu`);
}
