import { cpus, platform, release, totalmem } from 'node:os';

/** One line that describes the machine of a measurement. */
export function describeMachine(threads: number): string {
  const all = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const cpu = `${all[0]?.model.trim() || 'unknown CPU'}, ${all.length} cores, ${memory} GiB`;
  return `${cpu}, ${platform()} ${release()}, Node ${process.versions.node}, ${threads === 1 ? '1 thread' : `${threads} threads`} each, ${new Date().toISOString().slice(0, 10)}`;
}
