import { readFileSync } from 'node:fs';
import { freemem, platform, totalmem } from 'node:os';

/** Usable fraction of the memory, because estimates are not exact, and other programs run too. */
const PLANNED = 0.9;

/** Memory limit of this process in bytes: most of what it already uses, plus what the machine or container has available. */
export const memoryLimit = (): number => PLANNED * (process.memoryUsage.rss() + availableMemory());

/** Available memory of the machine or the container, in bytes. */
export function availableMemory(): number {
  const constraint = process.constrainedMemory();
  const free = freeMemory();
  if (!constraint || constraint > totalmem()) return free;
  // Only in newer versions of Node 20.
  const left = process.availableMemory?.() ?? constraint - process.memoryUsage.rss();
  return Math.min(free, constraint, left + reclaimable());
}

/** Free memory of the machine. macOS reports only unused memory, which is little: it keeps files of earlier programs in the rest. */
const freeMemory = (): number => (platform() === 'darwin' ? Math.max(freemem(), totalmem() / 2) : freemem());

/** Reclaimable page cache. A container's memory usage includes it, but the system frees it on demand. */
function reclaimable(): number {
  try {
    const groups = readFileSync('/proc/self/cgroup', 'utf8');
    const [, controllers, path] = /^\d+:(memory|):(.*)$/m.exec(groups)!;
    const folder = controllers ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
    const stat = readFileSync(`${folder}${path}/memory.stat`, 'utf8');
    return Number(/^(?:total_)?inactive_file (\d+)/m.exec(stat)?.[1] ?? 0);
  } catch {
    // Not Linux, or another layout.
    return 0;
  }
}
