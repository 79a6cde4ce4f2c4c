// The types of a training and its result follow from the task of the request.
import { expectTypeOf, test } from 'vitest';
import { fineTune, type Training } from '../../../src/node/library/index.ts';

test('only the named task gives a training its types', () => {
  const request = { model: 'model.onnx', data: './images' };
  const calls = () => {
    expectTypeOf(fineTune(request)).toEqualTypeOf<Training<'classification'>>();
    expectTypeOf(fineTune({ ...request, task: 'regression' })).toEqualTypeOf<Training<'regression'>>();
    // @ts-expect-error a type argument does not name the task
    fineTune<'regression'>(request);
  };
  expectTypeOf(calls).toBeFunction();
});
