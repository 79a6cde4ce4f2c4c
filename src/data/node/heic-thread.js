// Run by `heic.ts` in a thread, because decoding takes seconds: turns HEIC files into RGBA pixels with the optional package heic-decode.
// Plain JavaScript, so that Node can run it directly from the sources.
import { parentPort } from 'node:worker_threads';
import decode from 'heic-decode';

parentPort.on('message', async (buffer) => {
  try {
    const { data, width, height } = await decode({ buffer });
    parentPort.postMessage({ data, width, height }, [data.buffer]);
  } catch (error) {
    parentPort.postMessage({ problem: String(error?.message ?? error) });
  }
});
