// The types of a training depend on its task.
import { expectTypeOf, test } from 'vitest';
import type { LoadedModel } from '../../src/session/index.ts';
import type { Prediction, TaskEvaluation } from '../../src/tasks/index.ts';
import type { Finished, OpenRequest, RemoteClient, RemoteTraining } from '../../src/worker/index.ts';

type Client = RemoteClient;

test('a request has the labels of its task', () => {
  type Sample<T extends Parameters<typeof checked>[0]> = OpenRequest<T>['samples'][number];
  const checked = (task: 'classification' | 'multi-label' | 'regression' | 'embedding') => task;
  expectTypeOf<{ image: Blob; label: string }>().toExtend<Sample<'classification'>>();
  expectTypeOf<{ text: string; label: string; split: 'val' }>().toExtend<Sample<'embedding'>>();
  expectTypeOf<{ image: Blob; labels: string[] }>().toExtend<Sample<'multi-label'>>();
  expectTypeOf<{ image: Blob; values: { weight: number } }>().toExtend<Sample<'regression'>>();
  expectTypeOf<{ image: Blob; label: string }>().not.toExtend<Sample<'regression'>>();
  expectTypeOf<{ image: Blob; text: string; label: string }>().not.toExtend<Sample<'classification'>>();
});

test('results have the types of the task, and classification is the default', () => {
  const calls = async (client: Client, samples: OpenRequest<'regression'>['samples']) => {
    const model = new Uint8Array();
    const numbers = await client.open({ model, task: 'regression', samples });
    expectTypeOf(numbers).toEqualTypeOf<RemoteTraining<'regression'>>();
    const [{ values }] = await numbers.predict([]);
    expectTypeOf(values).toEqualTypeOf<Prediction<'regression'>['values']>();
    const finished = await numbers.finish();
    if (finished.status === 'finished') {
      expectTypeOf(finished.evaluation).toEqualTypeOf<TaskEvaluation<'regression'>>();
      expectTypeOf(finished.mistakes).toEqualTypeOf<null>();
    } else expectTypeOf(finished.evaluation).toEqualTypeOf<null>();
    // @ts-expect-error without a task, samples have one class each
    await client.open({ model, samples });
    // @ts-expect-error a type argument does not name the task
    await client.open<'regression'>({ model, samples });
    const kept = await client.reopen('pets');
    const [{ label, top }] = await kept.predict([], { topK: 3 });
    expectTypeOf(label).toEqualTypeOf<string>();
    expectTypeOf(top[0].probability).toEqualTypeOf<number>();
    const result = await kept.finish();
    if (result.status === 'finished') {
      expectTypeOf(result.evaluation.accuracy).toEqualTypeOf<number>();
      expectTypeOf(result.mistakes[0].predicted).toEqualTypeOf<string>();
    }
    const labels = await client.reopen('photos', { task: 'multi-label' });
    expectTypeOf((await labels.predict([]))[0].labels).toEqualTypeOf<readonly string[]>();
    const embed = await client.loadModel({ model, task: 'embedding' });
    expectTypeOf(embed).toExtend<LoadedModel<'embedding', Blob>>();
  };
  expectTypeOf(calls).toBeFunction();
});

test('the task of a result discriminates its type', () => {
  const evaluated = (result: Finished) => {
    if (result.task === 'multi-label' && result.status === 'finished')
      expectTypeOf(result.mistakes[0].labels).toEqualTypeOf<readonly string[]>();
  };
  expectTypeOf(evaluated).toBeFunction();
});
