/** The page: it runs the contender in a worker, as an application would. */
const worker = new Worker(new URL('./worker.js', import.meta.url), { type: 'module' });

Object.assign(globalThis, {
  ask: (name: string, argument: unknown) =>
    new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = ({ message }) => resolve({ error: message || 'the worker could not be loaded' });
      worker.postMessage({ name, argument });
    }),
});
