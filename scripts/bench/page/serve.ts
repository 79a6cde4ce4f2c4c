/** A contender's half of the page's protocol, in a worker: one message for each request, and one for each answer. */
import { type BatchesOf, splitBatches } from '../workers/split.ts';
import type { PageHandlers } from './protocol.ts';

export function serve(handlers: PageHandlers): void {
  addEventListener('message', async ({ data: { name, argument } }) => {
    try {
      postMessage(await handlers[name](argument as never));
    } catch (error) {
      console.error(error);
      postMessage({ error: String((error as Error).message ?? error).split('\n')[0] });
    }
  });
}

export async function fetchBytes(address: string): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address} cannot be loaded`);
  return new Uint8Array(await response.arrayBuffer());
}

export async function fetchBatches(of: BatchesOf & { readonly data: string }) {
  const whole = async (name: string) => (await fetchBytes(`${of.data}/${name}`)).buffer;
  return splitBatches(await whole('images.f32'), await whole('labels.i64'), of);
}

/** Times steps one after the other. The process that owns the page reports the CPU time. */
export async function timed(count: number, step: () => Promise<number>) {
  const seconds: number[] = [];
  const losses: number[] = [];
  for (let i = 0; i < count; i++) {
    const began = performance.now();
    losses.push(await step());
    seconds.push((performance.now() - began) / 1000);
  }
  return { seconds, losses };
}
