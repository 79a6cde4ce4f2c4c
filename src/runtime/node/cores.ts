import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

/** Files with a container's quota of processor time: of control groups version 2, and of version 1. */
const QUOTA = '/sys/fs/cgroup/cpu.max';
const QUOTA_1 = ['/sys/fs/cgroup/cpu/cpu.cfs_quota_us', '/sys/fs/cgroup/cpu/cpu.cfs_period_us'] as const;

type Read = (path: string) => string | undefined;

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Cores that a container's quota is worth, at least 1; undefined if there is no quota. @param read a file's text */
export function quotaCores(read: Read = readIfThere): number | undefined {
  const [quota, period] = (read(QUOTA) ?? QUOTA_1.map((path) => read(path) ?? '').join(' ')).trim().split(/\s+/);
  const cores = Number(quota) / Number(period);
  return cores > 0 && Number.isFinite(cores) ? Math.max(1, Math.ceil(cores)) : undefined;
}

/** Cores that this process can use. */
export const availableCores = (): number => Math.min(availableParallelism(), quotaCores() ?? Number.POSITIVE_INFINITY);

/** Threads for ONNX Runtime if its own default, one for each physical core, would exceed the container's quota. */
export function threadsWithinQuota(): number | undefined {
  const cores = availableCores();
  return cores < availableParallelism() ? cores : undefined;
}
