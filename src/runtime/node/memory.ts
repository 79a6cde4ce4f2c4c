import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';

/** Part of the memory that is planned with: estimates are not exact, and others work on the machine too. */
const PLANNED = 0.9;

/** Bytes that this process should hold at most: most of what it holds and what the machine, or the container that it is in, has left. */
export const memoryLimit = (): number => PLANNED * (process.memoryUsage.rss() + availableMemory());

/** Bytes that the machine or the container has left. */
export function availableMemory(): number {
  const constraint = process.constrainedMemory();
  const free = freemem();
  if (!constraint || constraint > totalmem()) return free;
  // Of newer versions of Node 20.
  const left = process.availableMemory?.() ?? constraint - process.memoryUsage.rss();
  return Math.min(free, constraint, left + reclaimable());
}

/** A container's count of what it uses takes in the files that it has read, which the system gives up when memory is asked for. */
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
