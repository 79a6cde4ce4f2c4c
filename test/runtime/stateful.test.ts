import { describe, expect, it } from 'vitest';
import { GraphBuilder, type Model, type Tensor, tensor, type Value, writeModel } from '../../src/onnx/index.ts';
import { State } from '../../src/runtime/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';

function model(b: GraphBuilder, inputs: readonly Value[], outputs: readonly Value[]): Model {
  return {
    irVersion: 8,
    opsets: { '': 18 },
    producerName: 'test',
    producerVersion: '',
    graph: b.graph('test', inputs, outputs),
    metadata: {},
  };
}

/** sum' = sum + by */
function sums(): Model {
  const b = new GraphBuilder();
  const [sum, by] = [b.input('sum', 'float32', [2]), b.input('by', 'float32', [])];
  return model(b, [sum, by], [b.identity(b.add(sum, by), 'sum.next')]);
}

/** best' = max(best, sum), sum' = 0 */
function reset(): Model {
  const b = new GraphBuilder();
  const [sum, best] = [b.input('sum', 'float32', [2]), b.input('best', 'float32', [2])];
  return model(b, [sum, best], [b.identity(b.max(best, sum), 'best.next'), b.identity(b.mul(sum, 0), 'sum.next')]);
}

function counter(): Model {
  const b = new GraphBuilder();
  const state = b.input('state', 'float32', [3]);
  const by = b.input('by', 'float32', []);
  const next = b.identity(b.add(state, by), 'state.next');
  const total = b.identity(b.reduceSum(next), 'total');
  return model(b, [state, by], [next, total]);
}

const scalar = (value: number) => tensor('float32', [], Float32Array.of(value));

describe('State', () => {
  it('carries state from step to step, and does not change the initial tensors', async () => {
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

  it('two sessions each update a part of one state, in two alternating sets of tensors', async () => {
    const [adding, resetting] = await Promise.all(
      [sums(), reset()].map(async (model) => nodeRuntime().load(writeModel(model))),
    );
    const zeros = () => tensor('float32', [2], new Float32Array(2));
    const state = new State(
      new Map([
        ['sum', zeros()],
        ['best', zeros()],
      ]),
    );
    const seen = (name: string) => (state.feedsOf([name])[name] as Tensor).data as Float32Array;
    const [first, best] = [seen('sum'), seen('best')];
    await state.run(adding, { by: scalar(2) }, []);
    const second = seen('sum');
    await state.run(adding, { by: scalar(3) }, []);
    expect([...seen('sum')]).toEqual([5, 5]);
    // Nothing was copied or allocated, and state that the session does not update stays in place.
    expect(seen('sum')).toBe(first);
    expect(seen('best')).toBe(best);
    await state.run(resetting, {}, []);
    expect(seen('sum')).toBe(second);
    expect([...seen('sum'), ...seen('best')]).toEqual([0, 0, 5, 5]);
    // An average replaces an input.
    expect((state.feedsOf(['sum'], () => 'best').sum as Tensor).data).toBe(seen('best'));
    expect((state.feedsOf(['sum'], () => 'none').sum as Tensor).data).toBe(seen('sum'));
    state.release();
    await Promise.all([adding.release(), resetting.release()]);
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
