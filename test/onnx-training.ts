/** Cases of losses and optimizers from ONNX's own tests of operators. */
import { readFileSync } from 'node:fs';

export interface Case {
  readonly name: string;
  readonly operator: string;
  readonly attributes: Readonly<Record<string, number | string>>;
  readonly inputs: readonly Numbers[];
  /** Of losses, the names only. */
  readonly outputs: readonly (Numbers | string)[];
}

export interface Numbers {
  readonly name: string;
  readonly type: 'float32' | 'int64';
  readonly shape: readonly number[];
  readonly values: readonly number[];
}

const { cases } = JSON.parse(readFileSync(new URL('fixtures/onnx-training.json', import.meta.url), 'utf8'));

export const casesOf = (...operators: readonly string[]): readonly Case[] =>
  (cases as readonly Case[]).filter(({ operator }) => operators.includes(operator));
