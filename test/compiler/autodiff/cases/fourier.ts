import { f32, ints, omitted } from '../inputs.ts';
import type { Row } from '../row.ts';

/** The transformed axis, which is an input since opset 20. */
const along = (axis: number) => ints([axis], []);
const elements = (count: number) => ints([count], []);
const real = f32('batch', 5, 1);
const complex = f32('batch', 5, 2);

export const fourier: readonly Row[] = [
  ['DFT', {}, [real]],
  ['DFT', {}, [complex]],
  ['DFT', { inverse: 1 }, [complex]],
  ['DFT', { onesided: 1 }, [real]],
  ['DFT', { onesided: 1 }, [f32('batch', 2, 4, 1), omitted, along(2)]],
  ['DFT', {}, [f32('batch', 3, 4, 2), omitted, along(1)]],
  ['DFT', {}, [f32('batch', 3, 4, 2)]],
  ['DFT', {}, [real, elements(8), along(1)]],
  ['DFT', { onesided: 1 }, [real, elements(4), along(-2)]],
  ['DFT', { inverse: 1 }, [complex, elements(3), along(1)]],
  ['DFT', { inverse: 1, onesided: 1 }, [complex]],
  ['DFT', { inverse: 1, onesided: 1 }, [f32('batch', 4, 2), elements(7), along(1)]],
  ['DFT', { inverse: 1, onesided: 1 }, [f32('batch', 4, 2), elements(4), along(1)]],
  ['DFT', { axis: 1, onesided: 1 }, [f32('batch', 4, 2, 1)], { opset: 19 }],
  ['DFT', { axis: 2, inverse: 1 }, [f32('batch', 2, 3, 2)], { opset: 19 }],

  ['STFT', {}, [f32('batch', 10, 1), elements(3), f32(4)]],
  ['STFT', { onesided: 0 }, [f32('batch', 9, 1), elements(2), f32(5), elements(5)]],
  ['STFT', { onesided: 0 }, [f32('batch', 8, 2), elements(4), omitted, elements(4)]],
];
