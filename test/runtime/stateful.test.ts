import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Model, tensor, writeModel } from '../../src/onnx/index.ts';
import { State } from '../../src/runtime/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';

function counter(): Model {
  const b = new GraphBuilder();
  const state = b.input('state', 'float32', [3]);
  const by = b.input('by', 'float32', []);
  const next = b.identity(b.add(state, by), 'state.next');
  const total = b.identity(b.reduceSum(next), 'total');
  return {
    irVersion: 8,
    opsets: { '': 18 },
    producerName: 'test',
    producerVersion: '',
    graph: b.graph('counter', [state, by], [next, total]),
    metadata: {},
  };
}

const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));

describe('State', () => {
  it('carries state from step to step, and leaves the initial tensors alone', async () => {
    const initial = Float32Array.of(1, 2, 3);
    const session = await nodeRuntime().load(writeModel(counter()));
    const state = new State(new Map([['state', tensor('float32', [3], initial)]]));
    const totals: number[] = [];
    for (let i = 0; i < 5; i++) {
      const { total } = await state.run(session, { by: scalar(1) }, ['total']);
      totals.push((total.data as Float32Array)[0]);
    }
    expect(totals).toEqual([9, 12, 15, 18, 21]);
    expect([...((await state.read()).get('state')!.data as Float32Array)]).toEqual([6, 7, 8]);
    expect([...initial]).toEqual([1, 2, 3]);
    state.release();
    await session.release();
  });

  it('writes fetches in place', async () => {
    const session = await nodeRuntime().load(writeModel(counter()));
    const target = tensor('float32', [3], new Float32Array(3));
    const results = await session.run(
      { state: tensor('float32', [3], Float32Array.of(1, 2, 3)), by: scalar(1) },
      { 'state.next': target },
    );
    expect(results['state.next'].data).toBe(target.data);
    expect([...(target.data as Float32Array)]).toEqual([2, 3, 4]);
    await session.release();
  });
});
