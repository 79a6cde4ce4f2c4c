import { expect, test } from 'vitest';
import { ThawError } from '../../src/errors.ts';
import { type Runtime, saysOutOfMemory } from '../../src/runtime/index.ts';
import { eventsOf, trainerOf } from './harness.ts';
import { runtime } from './network.ts';

/** A runtime whose sessions fail when they compute `output`, as ONNX Runtime fails without memory. */
const failingAt = (output: string, message: string): Runtime => ({
  ...runtime,
  async load(model, options) {
    const session = await runtime.load(model, options);
    return {
      ...session,
      run: (feeds, fetches) =>
        session.outputNames.some((name) => name.endsWith(output))
          ? Promise.reject(new Error(message))
          : session.run(feeds, fetches),
    };
  },
});

const BAD_ALLOC = 'Non-zero status code returned while running Conv node. Status Message: std::bad_alloc';

test('running out of memory gives an error with the batch size and a smaller one with the same updates', async () => {
  const config = { trainable: 'all', epochs: 1 };
  const step = eventsOf(await trainerOf(config, { runtime: failingAt('fc.weight.next', BAD_ALLOC) }));
  await expect(step).rejects.toThrow(ThawError);
  await expect(step).rejects.toMatchObject({
    code: 'memory',
    message: 'memory ran out in a training step with a batch of 6',
    hint: 'A smaller batch takes less: --batch 3 --accumulate 2 makes the same updates',
  });
  await expect(eventsOf(await trainerOf(config, { runtime: failingAt('logits', BAD_ALLOC) }))).rejects.toMatchObject({
    message: 'memory ran out in the evaluation with a batch of 6',
  });
});

test('any other failure keeps its error', async () => {
  const runs = eventsOf(
    await trainerOf({ trainable: 'all', epochs: 1 }, { runtime: failingAt('fc.weight.next', 'broken') }),
  );
  await expect(runs).rejects.toThrow(/^broken$/);
});

test.each([
  BAD_ALLOC,
  "terminate called after throwing an instance of 'std::bad_alloc'",
  'BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 4096',
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  'Array buffer allocation failed',
  'mmap: Cannot allocate memory',
])('%s: memory ran out', (words) => expect(saysOutOfMemory(words)).toBe(true));

test.each(['Non-zero status code returned while running Conv node. Status Message: Invalid argument', ''])(
  '%s: something else',
  (words) => expect(saysOutOfMemory(words)).toBe(false),
);
