import { cpus, platform, release, totalmem } from 'node:os';
import { resourceUsage } from 'node:process';
import type { ReportEnvironment } from '../../report/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import type { Runtime } from '../../runtime/index.ts';
import { chooseDevice, chooseProcessor, deviceOptions } from '../../runtime/node/devices.ts';
import { packageVersion } from '../../runtime/node/packages.ts';
import { nodeRuntime } from '../../runtime/node/sessions.ts';
import { VERSION } from '../../version.ts';
import type { JobHooks } from './events.ts';

/**
 * A runtime on a device.
 *
 * @param name unless given the processor, which is enough for what runs once or on tiny inputs
 * @throws ThawError `device` where a device asked for by name can't be had
 */
export async function openRuntime(name: DeviceName | undefined, { onEvent }: JobHooks = {}): Promise<Runtime> {
  const choice = name === undefined ? await chooseProcessor() : await chooseDevice(name);
  onEvent?.({ type: 'device', ...choice });
  return nodeRuntime(choice.device, deviceOptions(choice.device));
}

/** On what a run was made. */
export const environmentOf = async ({ device }: Runtime): Promise<ReportEnvironment> => ({
  thaw: VERSION,
  onnxruntime: (await packageVersion(device === 'wasm' ? 'onnxruntime-web' : 'onnxruntime-node')) ?? 'unknown',
  node: process.versions.node,
  platform: `${platform()} ${release()} ${process.arch}`,
  cpu: `${cpus()[0]?.model.trim() || 'unknown'}, ${cpus().length} cores`,
  device,
  threads: null,
  memory: totalmem(),
  // Kilobytes.
  peakMemory: resourceUsage().maxRSS * 1024,
});
