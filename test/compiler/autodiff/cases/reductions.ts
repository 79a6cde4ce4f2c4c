import { between, exactly, f32, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

const OPERATORS = ['Sum', 'Mean', 'Max', 'Min', 'Prod', 'L1', 'L2', 'SumSquare', 'LogSumExp', 'LogSum'] as const;

export const reductions: readonly Row[] = [
  ...OPERATORS.flatMap((name): Row[] => {
    const op = `Reduce${name}`;
    const x = name === 'LogSum' ? between(0.3, 2, 'batch', 3, 4) : f32('batch', 3, 4);
    return [
      [op, {}, [x, ints([1])]],
      [op, { keepdims: 0 }, [x, ints([-1, 1])]],
      [op, { keepdims: 0 }, [x, ints([0, 2])]],
      [op, { keepdims: 0 }, [x]],
    ];
  }),
  ['ReduceSum', { noop_with_empty_axes: 1 }, [f32('batch', 3)]],
  ['ReduceMean', { noop_with_empty_axes: 1 }, [f32('batch', 3), ints([])]],
  ['ReduceMean', { noop_with_empty_axes: 0 }, [f32('batch', 3), ints([])]],
  ['ReduceProd', { keepdims: 0 }, [exactly([0, 2, 3, 0.5, -1, 2, 0, 0, 3], 3, 3), ints([1])]],
  ['ReduceMax', { keepdims: 0 }, [f32('batch', 2, 2), omitted]],
  ['CumSum', {}, [f32('batch', 4), ints([1], [])]],
  ['CumSum', { exclusive: 1 }, [f32('batch', 4), ints([-1], [])]],
  ['CumSum', { reverse: 1 }, [f32('batch', 4), ints([0], [])]],
  ['CumSum', { reverse: 1, exclusive: 1 }, [f32(2, 4, 2), ints([1], [])]],

  // Opset 26. Rows with one zero factor and with two.
  ['CumProd', {}, [f32('batch', 4), ints([1], [])], { opset: 26 }],
  ['CumProd', { exclusive: 1 }, [f32('batch', 4), ints([-1], [])], { opset: 26 }],
  ['CumProd', { reverse: 1 }, [f32('batch', 4), ints([0], [])], { opset: 26 }],
  ['CumProd', { reverse: 1, exclusive: 1 }, [f32(2, 4, 2), ints([1], [])], { opset: 26 }],
  ['CumProd', {}, [exactly([1.5, 0, -0.7, 1.2, 0, 0.8, 0, 1.1], 2, 4), ints([1], [])], { opset: 26 }],
];
