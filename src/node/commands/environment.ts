import { cpus, platform, release, totalmem } from 'node:os';
import { resourceUsage } from 'node:process';
import type { ReportEnvironment } from '../../report/index.ts';
import type { DeviceName } from '../../runtime/devices.ts';
import type { Runtime } from '../../runtime/index.ts';
import { availableCores, threadsWithinQuota } from '../../runtime/node/cores.ts';
import { chooseDevice, chooseProcessor, deviceOptions } from '../../runtime/node/devices.ts';
import { packageVersion } from '../../runtime/node/packages.ts';
import { nodeRuntime } from '../../runtime/node/sessions.ts';
import { VERSION } from '../../version.ts';
import type { JobHooks } from './events.ts';

/**
 /**
  * Opens a runtime on a device.
  *
  * @param name default: the processor, which is enough for a model that runs once or on tiny inputs
  * @param threads default: one for each physical core, within the quota of a container
  * @throws ThawError `device` if a device requested by name is not available
  */
export async function openRuntime(
  name: DeviceName | undefined,
  { onEvent }: JobHooks = {},
  threads = threadsWithinQuota(),
): Promise<Runtime> {
  const choice = name === undefined ? await chooseProcessor() : await chooseDevice(name);
  onEvent?.({ type: 'device', ...choice });
  return nodeRuntime(choice.device, {
    ...deviceOptions(choice.device),
    ...(threads && { intraOpNumThreads: threads }),
  });
}

/** Versions and hardware for the report. */
export const environmentOf = async ({ device, threads }: Runtime): Promise<ReportEnvironment> => ({
  thaw: VERSION,
  onnxruntime: (await packageVersion(device === 'wasm' ? 'onnxruntime-web' : 'onnxruntime-node')) ?? 'unknown',
  node: process.versions.node,
  platform: `${platform()} ${release()} ${process.arch}`,
  cpu: `${cpus()[0]?.model.trim() || 'unknown'}, ${cpus().length} cores`,
  device,
  threads: threads ?? null,
  memory: totalmem(),
  // maxRSS is in KiB.
  peakMemory: resourceUsage().maxRSS * 1024,
});

/** Everything that changes the time of a step. */
export async function machineName(runtime: Runtime, cores = availableCores()): Promise<string> {
  const { cpu, onnxruntime, device } = await environmentOf(runtime);
  return [cpu, `${cores} threads`, `ONNX Runtime ${onnxruntime}`, device].join(', ');
}
