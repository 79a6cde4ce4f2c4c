import { channelSum } from './channel-sum.ts';
import { inputGradient } from './convolution/input-gradient.ts';
import { weightGradient } from './convolution/weight-gradient.ts';
import { geluGradient } from './gelu-gradient.ts';
import { late } from './late.ts';
import type { Family } from './lowering.ts';
import { normalizeBatch } from './normalize-batch.ts';
import { averagePoolGradient } from './pooling/average.ts';
import { maxPoolGradient } from './pooling/max.ts';

/** The lowerings of each adjoint operator. */
export const FAMILIES: Readonly<Record<string, Family>> = {
  ConvInputGradient: inputGradient,
  ConvWeightGradient: weightGradient,
  ChannelSum: channelSum,
  MaxPoolGradient: maxPoolGradient,
  AveragePoolGradient: averagePoolGradient,
  NormalizeBatch: normalizeBatch,
  GeluGradient: geluGradient,
  Late: late,
};
