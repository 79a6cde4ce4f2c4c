import { between, f32 } from '../inputs.ts';
import type { Row } from '../row.ts';

const picture = f32('batch', 2, 3, 4);
const grid = between(-0.95, 0.97, 'batch', 2, 3, 2);
const beyond = between(-2.3, 2.4, 'batch', 2, 3, 2);

export const sampling: readonly Row[] = [
  ['GridSample', {}, [picture, grid]],
  ['GridSample', { align_corners: 1 }, [picture, grid]],
  ['GridSample', {}, [picture, beyond]],
  ['GridSample', { padding_mode: 'border' }, [picture, beyond]],
  ['GridSample', { padding_mode: 'reflection' }, [picture, beyond]],
  ['GridSample', { padding_mode: 'reflection', align_corners: 1 }, [picture, beyond]],
  ['GridSample', { mode: 'nearest' }, [picture, beyond]],
  ['GridSample', { mode: 'nearest', padding_mode: 'border', align_corners: 1 }, [picture, grid]],
];
