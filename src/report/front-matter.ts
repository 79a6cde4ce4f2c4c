import { stringify } from 'yaml';
import { unicodeEscaped } from '../escapes.ts';
import type { CardRun } from './types.ts';

/** A score by the name that the hub's `evaluate` has for it. */
interface HubMetric {
  readonly type: string;
  readonly name?: string;
  readonly value: number;
  readonly args?: Readonly<Record<string, string>>;
}

/** What the Hugging Face hub reads of a model card. */
export interface FrontMatter extends Pick<CardRun, 'title'> {
  readonly model: Pick<CardRun['model'], 'source'>;
  readonly license?: string;
  /** The hub's name for what the model does, where it has one. */
  readonly pipeline?: string;
  /** The same for the results. */
  readonly task: string;
  /** The last of the tags. */
  readonly tag: string;
  readonly data: { readonly path: string; readonly type: string };
  readonly metrics: readonly HubMetric[];
}

// YAML 1.1 forbids them, or takes them for the end of a line.
const UNSAFE = /[^\n\x20-\x7e\xa0-\u2027\u202a-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/gu;

/** The block at the top of a model card. All strings are quoted: YAML 1.1, which many still read, has more words for `true` than 1.2. */
export function frontMatter({ title, model, license, pipeline, task, tag, data, metrics }: FrontMatter): string {
  const base = /^hf:([\w.-]+\/[\w.-]+)/.exec(model.source)?.[1];
  const yaml = stringify(
    {
      license: license ?? 'unknown',
      library_name: 'transformers.js',
      pipeline_tag: pipeline,
      base_model: base,
      tags: ['onnx', 'thaw', tag],
      'model-index': [
        {
          name: title,
          results: [
            {
              task: { type: task },
              dataset: {
                name: data.path.split(/[\\/]/).filter(Boolean).pop() ?? data.path,
                type: data.type,
                split: 'validation',
              },
              metrics: metrics.map((metric) => ({ ...metric, value: rounded(metric.value) })),
            },
          ],
        },
      ],
    },
    { defaultKeyType: 'PLAIN', defaultStringType: 'QUOTE_DOUBLE', doubleQuotedAsJSON: true, lineWidth: 0 },
  );
  return `---\n${unicodeEscaped(yaml, UNSAFE)}---`;
}

const rounded = (value: number): number => (Number.isFinite(value) ? Number(value.toFixed(4)) : Number.NaN);
