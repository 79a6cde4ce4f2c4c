import { adafactor } from './adafactor.ts';
import { adagrad, rmsprop } from './adagrad.ts';
import { adam, adamw, lamb, nadam, radam } from './adam.ts';
import { muon } from './muon.ts';
import type { Optimizer } from './optimizer.ts';
import { lion, sgd } from './sgd.ts';

export const OPTIMIZERS = {
  sgd,
  adagrad,
  rmsprop,
  adam,
  adamw,
  nadam,
  radam,
  lamb,
  lion,
  adafactor,
  muon,
} satisfies Record<string, Optimizer>;

export type OptimizerName = keyof typeof OPTIMIZERS;
