/** A contender that computes nothing. It answers, fails or ends, depending on the request. */
import { serve } from '../../scripts/bench/workers/serve.ts';

await serve({
  step: async (count: number) => {
    console.log('what others print does not get between the answers');
    return { seconds: Array.from({ length: count }, () => 0.25), losses: [], cpu: 0 };
  },
  fail: async (why: string) => {
    throw new Error(`${why}\nand the details`);
  },
  end: async () => {
    console.error('out of memory');
    process.exit(7);
  },
});
