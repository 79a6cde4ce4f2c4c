import type { Row } from '../row.ts';
import { attention } from './attention.ts';
import { convolution } from './convolution.ts';
import { elementwise } from './elementwise.ts';
import { fourier } from './fourier.ts';
import { losses } from './losses.ts';
import { matrices } from './matrices.ts';
import { microsoft } from './microsoft.ts';
import { normalization } from './normalization.ts';
import { recurrence } from './recurrence.ts';
import { reductions } from './reductions.ts';
import { resampling } from './resampling.ts';
import { sampling } from './sampling.ts';
import { shapes } from './shapes.ts';

export const TABLES: Readonly<Record<string, readonly Row[]>> = {
  elementwise,
  reductions,
  matrices,
  shapes,
  convolution,
  resampling,
  sampling,
  normalization,
  attention,
  recurrence,
  fourier,
  losses,
  microsoft,
};

export const ROWS: readonly Row[] = Object.values(TABLES).flat();
