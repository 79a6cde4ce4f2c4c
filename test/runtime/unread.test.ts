import * as ort from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { GraphBuilder, tensor, writeModel } from '../../src/onnx/index.ts';
import { State } from '../../src/runtime/index.ts';
import { nodeRuntime } from '../../src/runtime/node/sessions.ts';
import { refusalOf, UnreadRuns, withRefused } from '../../src/runtime/node/unread.ts';

const LENGTH = 4_000_000;

/** state' = state + mean(x), y = 2x, for any number of x. */
function model(): Uint8Array {
  const b = new GraphBuilder();
  const x = b.input('x', 'float32', ['batch']);
  const state = b.input('state', 'float32', [LENGTH]);
  const outputs = [b.identity(b.mul(x, 2), 'y'), b.identity(b.add(state, b.reduceMean(x)), 'state.next')];
  return writeModel({
    irVersion: 8,
    opsets: { '': 18 },
    producerName: 'test',
    producerVersion: '',
    graph: b.graph('test', [x, state], outputs),
    metadata: {},
  });
}

const of = (...values: number[]) => tensor('float32', [values.length], Float32Array.from(values));

describe('runs without copies', () => {
  it('the installed package rejects the output that is not a tensor, after it has written the others', async () => {
    expect(await refusalOf(ort)).toContain('tensor');
  });

  it('update state and return the other outputs, for any batch size', async () => {
    const session = await nodeRuntime().load(model(), { resident: ['state.next'] });
    expect(session.outputNames).toEqual(['y', 'state.next']);
    const state = new State(new Map([['state', tensor('float32', [LENGTH], new Float32Array(LENGTH))]]));
    const step = async (...x: number[]) => [
      ...((await state.run(session, { x: of(...x) }, ['y'])).y.data as Float32Array),
    ];
    expect(await step(1, 3)).toEqual([2, 6]);
    expect(await step(2, 4)).toEqual([4, 8]);
    expect(await step(5)).toEqual([10]);
    expect(await step(6)).toEqual([12]);
    const last = await step(0, 2);
    expect(await step(3, 5)).toEqual([6, 10]);
    expect(last).toEqual([0, 4]);
    const now = (await state.read()).get('state')!.data as Float32Array;
    expect([now[0], now[LENGTH - 1]]).toEqual([21, 21]);
    state.release();
    await session.release();
  });

  it('create no second array for outputs written in place: all runs but the first return no results', async () => {
    const session = await ort.InferenceSession.create(withRefused(model()), { logSeverityLevel: 4 });
    const given: string[] = [];
    const watched = Object.assign(Object.create(session) as ort.InferenceSession, {
      run: async (feeds: ort.InferenceSession.FeedsType, outputs: ort.InferenceSession.NullableOnnxValueMapType) => {
        const results = await session.run(feeds, outputs).catch((error: Error) => error);
        given.push(results instanceof Error ? 'nothing' : Object.keys(results).join());
        if (results instanceof Error) throw results;
        return results;
      },
    });
    const runs = new UnreadRuns(watched, ort.Tensor, (await refusalOf(ort))!);
    const state = new ort.Tensor('float32', new Float32Array(LENGTH));
    const target = new ort.Tensor('float32', new Float32Array(LENGTH));
    for (const x of [1, 2, 3]) {
      const results = await runs.run(
        { x: new ort.Tensor('float32', [x], [1]), state },
        { y: null, 'state.next': target },
      );
      expect([...(results.y.data as Float32Array)]).toEqual([2 * x]);
      expect((target.data as Float32Array)[LENGTH - 1]).toBe(x);
    }
    expect(given).toEqual(['y,state.next', 'nothing', 'nothing']);
    await session.release();
  });

  it('report errors of the run itself', async () => {
    const session = await nodeRuntime().load(model(), { resident: ['state.next'] });
    const target = tensor('float32', [LENGTH], new Float32Array(LENGTH));
    const run = (state: number) =>
      session.run(
        { x: of(1), state: tensor('float32', [state], new Float32Array(state)) },
        { y: null, 'state.next': target },
      );
    await run(LENGTH);
    await run(LENGTH);
    await expect(run(3)).rejects.toThrow(/state/);
    await session.release();
  });

  it('a package with another error message does not count', async () => {
    const session = await ort.InferenceSession.create(withRefused(model()), { logSeverityLevel: 4 });
    const runs = new UnreadRuns(session, ort.Tensor, 'something else');
    const feeds = {
      x: new ort.Tensor('float32', [1], [1]),
      state: new ort.Tensor('float32', new Float32Array(LENGTH)),
    };
    const run = () => runs.run(feeds, { y: null, 'state.next': new ort.Tensor('float32', new Float32Array(LENGTH)) });
    await run();
    await expect(run()).rejects.toThrow(/tensor/i);
    await session.release();
  });
});
