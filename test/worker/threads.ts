import { Worker } from 'node:worker_threads';

/** A worker thread that runs the TypeScript sources. */
export function threadOfSources(): Worker {
  const typescript = import.meta.resolve('tsx/esm/api');
  const script = new URL('../../src/worker/node/thread.ts', import.meta.url);
  const program = `import { register } from '${typescript}'; register(); await import('${script}');`;
  return new Worker(new URL(`data:text/javascript,${encodeURIComponent(program)}`));
}
